// auth_test.go checks that writes and reads are as Teleport's: revisions, lag, references and names.

package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gravitational/teleport/api/types"
	"google.golang.org/grpc/codes"
)

func TestRoleLifeCycle(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	created := p.createRole("dev")
	if created.GetRevision() == "" || created.GetOptions().MaxSessionTTL == 0 {
		t.Fatalf("created without revision or defaults: %+v", created)
	}
	_, err := p.client.CreateRole(ctx, role(t, "dev"))
	wantError(t, err, codes.AlreadyExists, "role dev already exists")

	created.SetLogins(types.Allow, []string{"ubuntu"})
	updated, err := p.client.UpdateRole(ctx, created)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.client.GetRole(ctx, "dev")
	if err != nil {
		t.Fatal(err)
	}
	if got.GetRevision() != updated.GetRevision() || got.GetLogins(types.Allow)[0] != "ubuntu" {
		t.Fatalf("got %v, want the updated role", got)
	}
	if err := p.client.DeleteRole(ctx, "dev"); err != nil {
		t.Fatal(err)
	}
	_, err = p.client.GetRole(ctx, "dev")
	wantError(t, err, codes.NotFound, "role dev is not found")
	wantError(t, p.client.DeleteRole(ctx, "dev"), codes.NotFound, "role dev is not found")
}

func TestUpdateNeedsTheRevision(t *testing.T) {
	p := serve(t, 0)
	created := p.createRole("dev")
	for _, revision := range []string{"", "other"} {
		stale := role(t, "dev")
		stale.SetRevision(revision)
		_, err := p.client.UpdateRole(t.Context(), stale)
		wantError(t, err, codes.FailedPrecondition, errRevision.Message)
	}
	if p.stored("role", "dev").Revision != created.GetRevision() {
		t.Fatal("a refused update was stored")
	}
	upserted, err := p.client.UpsertRole(t.Context(), role(t, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	if upserted.GetRevision() == created.GetRevision() {
		t.Fatal("an upsert must give a new revision")
	}
}

func TestReadsLagBehindWrites(t *testing.T) {
	p := serve(t, time.Hour)
	ctx := t.Context()
	created := p.createRole("dev")
	if _, err := p.client.GetRole(ctx, "dev"); err != nil {
		t.Fatalf("a read of what is not cached must reach the store: %v", err)
	}
	if names := roleNames(t, p); strings.Contains(names, "dev") {
		t.Fatalf("a list must come from the cache, got %s", names)
	}
	p.tick()
	if names := roleNames(t, p); !strings.Contains(names, "dev") {
		t.Fatalf("after the tick the list must have it, got %s", names)
	}
	updated, err := p.client.UpdateRole(ctx, created)
	if err != nil {
		t.Fatal(err)
	}
	old := created.GetRevision()
	if got, err := p.client.GetRole(ctx, "dev"); err != nil || got.GetRevision() == updated.GetRevision() {
		t.Fatalf("a read must show the state before the update (%s), got %v %v", old, got, err)
	}
	if err := p.client.DeleteRole(ctx, "dev"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.GetRole(ctx, "dev"); err != nil {
		t.Fatalf("a deleted role must be seen until the tick: %v", err)
	}
	p.tick()
	_, err = p.client.GetRole(ctx, "dev")
	wantError(t, err, codes.NotFound, "role dev is not found")
}

func TestTheCachePolls(t *testing.T) {
	p := serve(t, 20*time.Millisecond)
	p.createRole("dev")
	eventually(t, "the list has the role", func(context.Context) bool { return strings.Contains(roleNames(t, p), "dev") })
}

// tick lets the cache catch up once.
func (p *running) tick() {
	p.tell(http.MethodPost, "/lag", lag{MS: 0}, nil)
	p.tell(http.MethodPost, "/lag", lag{MS: int(time.Hour.Milliseconds())}, nil)
}

func roleNames(t *testing.T, p *running) string {
	t.Helper()
	roles, err := p.client.GetRoles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range roles {
		names = append(names, r.GetName())
	}
	return strings.Join(names, " ")
}

func TestReferences(t *testing.T) {
	p := serve(t, time.Hour)
	ctx := t.Context()
	_, err := p.client.CreateUser(ctx, user(t, "alice", "nobody"))
	wantError(t, err, codes.NotFound, "role nobody is not found")
	p.createRole("dev")
	created, err := p.client.CreateUser(ctx, user(t, "alice", "dev"))
	if err != nil {
		t.Fatal(err)
	}
	if by := created.GetCreatedBy(); by.User.Name != operatorUser || by.Time.IsZero() {
		t.Fatalf("created by %v", by)
	}
	_, err = p.client.CreateUser(ctx, user(t, "alice", "dev"))
	wantError(t, err, codes.AlreadyExists, `user "alice" already registered`)
	const inUse = "failed to delete a role that is still in use by a user, check the system server logs for more details"
	wantError(t, p.client.DeleteRole(ctx, "dev"), codes.InvalidArgument, inUse)
	if err := p.client.DeleteUser(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	if err := p.client.DeleteRole(ctx, "dev"); err != nil {
		t.Fatal(err)
	}
	_, err = p.client.UpdateUser(ctx, user(t, "alice", "access"))
	wantError(t, err, codes.NotFound, `user "alice" is not found`)
}

func TestUpdateKeepsTheCreator(t *testing.T) {
	p := serve(t, 0)
	created, err := p.client.CreateUser(t.Context(), user(t, "alice", "access"))
	if err != nil {
		t.Fatal(err)
	}
	changed := user(t, "alice", "editor")
	changed.SetRevision(created.GetRevision())
	updated, err := p.client.UpdateUser(t.Context(), changed)
	if err != nil {
		t.Fatal(err)
	}
	if !updated.GetCreatedBy().Time.Equal(created.GetCreatedBy().Time) || updated.GetRoles()[0] != "editor" {
		t.Fatalf("updated to %v", updated)
	}
}

func TestNames(t *testing.T) {
	p := serve(t, 0)
	for _, name := range []string{"a b", "a/b", ".."} {
		_, err := p.client.UpsertRole(t.Context(), role(t, name))
		wantError(t, err, codes.InvalidArgument, "special characters are not allowed in resource names, please use name composed only from characters, hyphens, dots, and plus signs: \"/roles/"+name+"/params\"")
	}
}
