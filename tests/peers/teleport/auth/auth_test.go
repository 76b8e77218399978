// auth_test.go checks that the server treats clients as Teleport does: revisions, lag,
// references, names, permissions and errors.

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	headerv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/header/v1"
	machineidv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/machineid/v1"
	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"
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

func TestPermissions(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	var operator map[string]any
	if err := json.Unmarshal(p.stored("role", operatorRole).JSON, &operator); err != nil {
		t.Fatal(err)
	}
	allow := operator["spec"].(map[string]any)["allow"].(map[string]any)
	allow["rules"] = []any{map[string]any{"resources": []string{"user"}, "verbs": []string{"read"}}}
	p.tell(http.MethodPut, "/resource/role/"+operatorRole, operator, nil)

	_, err := p.client.GetRole(ctx, "access")
	wantError(t, err, codes.PermissionDenied, `access denied to perform action "read" on "role"`)
	if _, err := p.client.GetRole(ctx, operatorRole); err != nil {
		t.Fatalf("a role that the caller has: %v", err)
	}
	_, err = p.client.UpsertRole(ctx, role(t, "dev"))
	wantError(t, err, codes.PermissionDenied, `access denied to perform action "create" on "role", access denied to perform action "update" on "role"`)
	_, err = p.client.GetUser(ctx, "ghost", false)
	wantError(t, err, codes.NotFound, `user "ghost" is not found`)
	_, err = p.client.NewWatcher(ctx, types.Watch{Kinds: []types.WatchKind{{Kind: types.KindUser}}})
	if err != nil {
		t.Fatal(err)
	}
}

// connection is a plain gRPC connection that trusts the server's certificate.
func (p *running) connection(certificates []tls.Certificate) *grpc.ClientConn {
	p.t.Helper()
	identity, err := identityfile.ReadFile(p.Identity)
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	for _, pem := range identity.CACerts.TLS {
		roots.AppendCertsFromPEM(pem)
	}
	config := &tls.Config{RootCAs: roots, Certificates: certificates, ServerName: "localhost", MinVersion: tls.VersionTLS13}
	conn, err := grpc.NewClient(p.Auth, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestWithoutCertificateOnlyPingAnswers(t *testing.T) {
	p := serve(t, 0)
	anonymous := proto.NewAuthServiceClient(p.connection(nil))
	answer, err := anonymous.Ping(t.Context(), &proto.PingRequest{})
	if err != nil || answer.ServerVersion != "18.0.0" || !answer.ServerFeatures.Entitlements["OIDC"].Enabled {
		t.Fatalf("ping: %v %v", answer, err)
	}
	_, err = anonymous.GetRole(t.Context(), &proto.GetRoleRequest{Name: operatorRole})
	wantError(t, err, codes.PermissionDenied, `access denied to perform action "read" on "role"`)
}

func TestClientVersion(t *testing.T) {
	p := serve(t, 0)
	identity, err := identityfile.ReadFile(p.Identity)
	if err != nil {
		t.Fatal(err)
	}
	config, err := identity.TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	c := proto.NewAuthServiceClient(p.connection(config.Certificates))
	for version, code := range map[string]codes.Code{"99.0.0": codes.OK, "14.0.0-dev": codes.OK, "garbage": codes.InvalidArgument} {
		ctx := grpcmetadata.AppendToOutgoingContext(t.Context(), "version", version)
		_, err := c.GetRole(ctx, &proto.GetRoleRequest{Name: operatorRole})
		if code == codes.OK && err != nil {
			t.Errorf("%s: %v", version, err)
		}
		if code != codes.OK {
			wantError(t, err, code, "unrecognized client version: garbage is not a valid semver")
		}
	}
}

func TestMessageLimit(t *testing.T) {
	p := serve(t, 0)
	big := role(t, "big")
	big.SetLogins(types.Allow, []string{strings.Repeat("x", 5<<20)})
	_, err := p.client.UpsertRole(t.Context(), big)
	if err == nil || !strings.Contains(err.Error(), "received message larger than max") {
		t.Fatalf("got %v", err)
	}
}

func TestConnectorSecrets(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	connector, err := types.NewGithubConnector("gh", types.GithubConnectorSpecV3{
		ClientID: "id", ClientSecret: "hush", RedirectURL: "https://localhost/callback",
		TeamsToRoles: []types.TeamRolesMapping{{Organization: "o", Team: "t", Roles: []string{"access"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.CreateGithubConnector(ctx, connector); err != nil {
		t.Fatal(err)
	}
	for secrets, want := range map[bool]string{true: "hush", false: ""} {
		got, err := p.client.GetGithubConnector(ctx, "gh", secrets)
		if err != nil || got.GetClientSecret() != want {
			t.Errorf("with secrets %v: %q %v", secrets, got.GetClientSecret(), err)
		}
	}
	_, err = p.client.GetGithubConnector(ctx, "none", false)
	wantError(t, err, codes.NotFound, `github connector "none" is not configured`)
	wantError(t, p.client.DeleteGithubConnector(ctx, "none"), codes.NotFound, "key /web/connectors/github/connectors/none is not found")
}

func TestAccessListsAndTheirMembers(t *testing.T) {
	p := serve(t, 0)
	ctx := withCall(t.Context(), call{trusted: true})
	services := &accessListService{kinds: p.kinds}
	list := accessList("team")
	list.Spec.Grants.Roles = []string{"access"}
	if _, err := services.UpsertAccessList(ctx, &accesslistv1.UpsertAccessListRequest{AccessList: list}); err != nil {
		t.Fatal(err)
	}
	const inUse = "failed to delete a role that is still in use by an access list, check the system server logs for more details"
	wantError(t, p.client.DeleteRole(t.Context(), "access"), codes.InvalidArgument, inUse)
	member := &accesslistv1.Member{
		Header: &headerv1.ResourceHeader{Kind: types.KindAccessListMember, Version: types.V1, Metadata: &headerv1.Metadata{Name: "alice"}},
		Spec: &accesslistv1.MemberSpec{
			AccessList: "team", Name: "alice", AddedBy: "bob", Joined: timestamppb.Now(),
		},
	}
	if _, err := services.UpsertAccessListMember(ctx, &accesslistv1.UpsertAccessListMemberRequest{Member: member}); err != nil {
		t.Fatal(err)
	}
	p.stored("access_list_member", "team/alice")
	if _, err := services.DeleteAccessList(ctx, &accesslistv1.DeleteAccessListRequest{Name: "team"}); err != nil {
		t.Fatal(err)
	}
	answer, err := services.ListAllAccessListMembers(ctx, &accesslistv1.ListAllAccessListMembersRequest{})
	if err != nil || len(answer.Members) != 0 {
		t.Fatalf("members of no list: %v %v", answer, err)
	}
	member.Spec.Name = "carol"
	_, err = services.UpsertAccessListMember(ctx, &accesslistv1.UpsertAccessListMemberRequest{Member: member})
	wantError(t, err, codes.NotFound, `access_list "team" doesn't exist`)
}

func TestClusterConfigurationsAreNeverGone(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	clusterAdmin(p)
	preference, err := p.client.GetAuthPreference(ctx)
	if err != nil || preference.Origin() != types.OriginDefaults {
		t.Fatalf("%v %v", preference, err)
	}
	preference.SetOrigin(types.OriginKubernetes)
	set, err := p.client.UpdateAuthPreference(ctx, preference)
	if err != nil || set.Origin() != types.OriginDynamic {
		t.Fatalf("the server sets the origin: %v %v", set, err)
	}
	_, err = p.client.UpdateAuthPreference(ctx, preference)
	wantError(t, err, codes.FailedPrecondition, errRevision.Message)
	if err := p.client.ResetAuthPreference(ctx); err != nil {
		t.Fatal(err)
	}
	if again, err := p.client.GetAuthPreference(ctx); err != nil || again.Origin() != types.OriginDefaults {
		t.Fatalf("%v %v", again, err)
	}
}

func TestMaintenanceConfigCountsItsUpdates(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	clusterAdmin(p)
	config := types.NewClusterMaintenanceConfig()
	if err := p.client.UpdateClusterMaintenanceConfig(ctx, config); err != nil {
		t.Fatal(err)
	}
	err := p.client.UpdateClusterMaintenanceConfig(ctx, config)
	wantError(t, err, codes.FailedPrecondition, "maintenance config was concurrently modified, please re-pull and work from latest state")
	stored, err := p.client.GetClusterMaintenanceConfig(ctx)
	if err != nil || stored.GetNonce() != 1 {
		t.Fatalf("%v %v", stored, err)
	}
	if err := p.client.UpdateClusterMaintenanceConfig(ctx, stored); err != nil {
		t.Fatal(err)
	}
}

// clusterAdmin lets the operator do everything.
func clusterAdmin(p *running) {
	p.tell(http.MethodPut, "/resource/role/"+operatorRole, map[string]any{
		"kind": "role", "version": "v7", "metadata": map[string]any{"name": operatorRole},
		"spec": map[string]any{"allow": map[string]any{"rules": []any{map[string]any{"resources": []string{"*"}, "verbs": []string{"*"}}}}},
	}, nil)
}

func TestAppsNeedMatchingLabels(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	app, err := types.NewAppV3(types.Metadata{Name: "wiki"}, types.AppSpecV3{URI: "http://localhost:80"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.client.CreateApp(ctx, app); err != nil {
		t.Fatal(err)
	}
	wantError(t, p.client.CreateApp(ctx, app), codes.AlreadyExists, `app "wiki" already exists`)
	if err := p.client.UpdateApp(ctx, app); err != nil {
		t.Fatalf("an update needs no revision: %v", err)
	}
	clusterAdmin(p)
	wantError(t, p.client.UpdateApp(ctx, app), codes.PermissionDenied, "access to app denied")
	_, err = p.client.GetApp(ctx, "wiki")
	wantError(t, err, codes.NotFound, "not found")
}

func TestTokenNamesAreMasked(t *testing.T) {
	p := serve(t, 0)
	_, err := p.client.GetToken(t.Context(), "none")
	wantError(t, err, codes.NotFound, "provisioning token(***e) not found")
}

func TestNodes(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	node := &types.ServerV2{
		Kind: types.KindNode, SubKind: types.SubKindOpenSSHNode, Version: types.V2,
		Metadata: types.Metadata{Name: "n1", Namespace: "default", Labels: map[string]string{"env": "dev"}},
		Spec:     types.ServerSpecV2{Addr: "127.0.0.1:22", Hostname: "h"},
	}
	if _, err := p.client.UpsertNode(ctx, node); err != nil {
		t.Fatal(err)
	}
	if got, err := p.client.GetNode(ctx, "default", "n1"); err != nil || got.GetSubKind() != types.SubKindOpenSSHNode {
		t.Fatalf("%v %v", got, err)
	}
	nodes, err := p.client.GetNodes(ctx, "default")
	if err != nil || len(nodes) != 1 {
		t.Fatalf("%v %v", nodes, err)
	}
	var operator map[string]any
	if err := json.Unmarshal(p.stored("role", operatorRole).JSON, &operator); err != nil {
		t.Fatal(err)
	}
	operator["spec"].(map[string]any)["allow"].(map[string]any)["node_labels"] = map[string]any{"env": "prod"}
	p.tell(http.MethodPut, "/resource/role/"+operatorRole, operator, nil)
	_, err = p.client.GetNode(ctx, "default", "n1")
	wantError(t, err, codes.NotFound, "not found")
}

func TestBotsAreUsersAndRoles(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	bots := p.client.BotServiceClient()
	bot := &machineidv1.Bot{
		Kind: types.KindBot, Version: types.V1,
		Metadata: &headerv1.Metadata{Name: "ci", Description: "builds", Labels: map[string]string{"team": "a"}},
		Spec:     &machineidv1.BotSpec{Roles: []string{"access"}, Traits: []*machineidv1.Trait{{Name: "logins", Values: []string{"root"}}}},
	}
	created, err := bots.CreateBot(ctx, &machineidv1.CreateBotRequest{Bot: bot})
	if err != nil {
		t.Fatal(err)
	}
	got, err := bots.GetBot(ctx, &machineidv1.GetBotRequest{BotName: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*machineidv1.Bot{created, got} {
		if b.Spec.Roles[0] != "access" || b.Metadata.Description != "builds" || b.Metadata.Labels["team"] != "a" || len(b.Metadata.Labels) != 1 || b.Status.RoleName != "bot-ci" {
			t.Errorf("got %v", b)
		}
	}
	p.stored("user", "bot-ci")
	p.stored("role", "bot-ci")
	p.stored("bot", "ci")
	_, err = bots.CreateBot(ctx, &machineidv1.CreateBotRequest{Bot: bot})
	if err == nil || !strings.Contains(err.Error(), `user "bot-ci" already registered`) {
		t.Fatalf("got %v", err)
	}
	if _, err := bots.DeleteBot(ctx, &machineidv1.DeleteBotRequest{BotName: "ci"}); err != nil {
		t.Fatal(err)
	}
	if _, err := bots.DeleteBot(ctx, &machineidv1.DeleteBotRequest{BotName: "ci"}); err == nil {
		t.Fatal("a bot can be deleted once")
	}
}

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

func TestIdentityFileIsStandard(t *testing.T) {
	p := serve(t, 0)
	info, err := os.Stat(p.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != identityfile.FilePermissions {
		t.Errorf("mode %v", info.Mode())
	}
	credentials := client.LoadIdentityFile(p.Identity)
	if _, err := credentials.SSHClientConfig(); err != nil {
		t.Errorf("SSH: %v", err)
	}
	if expiry, ok := credentials.Expiry(); !ok || time.Until(expiry) < time.Hour {
		t.Errorf("expires %v", expiry)
	}
}
