// watch_test.go checks the event stream.

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/gravitational/teleport/api/types"
)

func TestWatch(t *testing.T) {
	p := serve(t, time.Hour)
	ctx := t.Context()
	w, err := p.client.NewWatcher(ctx, types.Watch{Kinds: []types.WatchKind{{Kind: types.KindRole}}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if e := <-w.Events(); e.Type != types.OpInit {
		t.Fatalf("first event %v", e)
	}
	p.createRole("dev")
	select {
	case e := <-w.Events():
		t.Fatalf("event before the cache has it: %v", e)
	case <-time.After(50 * time.Millisecond):
	}
	if err := p.client.DeleteRole(ctx, "dev"); err != nil {
		t.Fatal(err)
	}
	p.tick()
	put, gone := <-w.Events(), <-w.Events()
	if _, full := put.Resource.(types.Role); put.Type != types.OpPut || !full || put.Resource.GetRevision() == "" {
		t.Fatalf("got %v", put)
	}
	if _, header := gone.Resource.(*types.ResourceHeader); gone.Type != types.OpDelete || !header || gone.Resource.GetName() != "dev" {
		t.Fatalf("got %v", gone)
	}
}

func TestUnwatchableKinds(t *testing.T) {
	p := serve(t, 0)
	w, err := p.client.NewWatcher(t.Context(), types.Watch{Kinds: []types.WatchKind{{Kind: types.KindLoginRule}}})
	if err != nil {
		t.Fatal(err)
	}
	<-w.Done()
	if err := w.Error(); err == nil || !strings.Contains(err.Error(), `cache "auth" does not support watching resource "login_rule"`) {
		t.Fatalf("got %v", err)
	}
}
