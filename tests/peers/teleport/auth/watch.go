// watch.go streams changes to clients as the cache applies them. Of a watched kind only
// the name counts; name, filter and secrets of a request are not honoured.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
)

// WatchEvents sends INIT with the kinds that are watched, then every change of them.
// As Teleport does, it checks permission before whether a kind can be watched at all.
func (s *authService) WatchEvents(r *proto.Watch, stream proto.AuthService_WatchEventsServer) error {
	accepted, err := s.acceptKinds(stream.Context(), r)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, kind := range accepted {
		names[kind.Kind] = true
	}
	w := s.cache.watch(names)
	defer s.cache.unwatch(w)
	status := types.NewWatchStatus(accepted)
	if err := send(stream, types.Event{Type: types.OpInit, Resource: status}); err != nil {
		return err
	}
	return s.follow(w, stream)
}

func (s *authService) acceptKinds(ctx context.Context, r *proto.Watch) ([]types.WatchKind, error) {
	var accepted []types.WatchKind
	for _, kind := range r.Kinds {
		err := s.acceptKind(ctx, kind.Kind)
		switch {
		case err == nil:
			accepted = append(accepted, kind)
		case !r.AllowPartialSuccess:
			return nil, err
		}
	}
	if len(accepted) == 0 {
		return nil, trace.BadParameter("can't setup global watch")
	}
	return accepted, nil
}

func (s *authService) acceptKind(ctx context.Context, name string) error {
	if err := s.access.check(ctx, []string{name}, types.VerbRead); err != nil {
		return err
	}
	if kind, ok := s.table[name]; !ok || !kind.watchable() {
		return trace.BadParameter(`cache "auth" does not support watching resource %q`, name)
	}
	return nil
}

func (s *authService) follow(w *watcher, stream proto.AuthService_WatchEventsServer) error {
	for {
		select {
		case <-stream.Context().Done():
			return nil
		case <-w.overrun:
			return trace.ConnectionProblem(nil, "the watcher is too slow")
		case ch := <-w.changes:
			event, err := s.table[ch.kind].toEvent(ch)
			if err != nil {
				return err
			}
			if err := send(stream, event); err != nil {
				return err
			}
		}
	}
}

func send(stream proto.AuthService_WatchEventsServer, event types.Event) error {
	message, err := client.EventToGRPC(event)
	if err != nil {
		return trace.Wrap(err)
	}
	return stream.Send(message)
}
