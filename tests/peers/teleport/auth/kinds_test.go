// kinds_test.go checks what Teleport does differently for single kinds.

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	headerv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/header/v1"
	machineidv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/machineid/v1"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

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
	ctx := t.Context()
	services := accesslistv1.NewAccessListServiceClient(p.client.GetConnection())
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
		Metadata: &headerv1.Metadata{Name: "ci", Description: "builds", Labels: map[string]string{"team": "a", "tier": "1", "zone": "z"}},
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
		if b.Spec.Roles[0] != "access" || b.Metadata.Description != "builds" || b.Metadata.Labels["team"] != "a" || len(b.Metadata.Labels) != 3 || b.Status.RoleName != "bot-ci" {
			t.Errorf("got %v", b)
		}
	}
	p.stored("user", "bot-ci")
	p.stored("role", "bot-ci")
	// What did not change looks the same each time.
	first := p.stored("bot", "ci")
	for range 20 {
		if again := p.stored("bot", "ci"); !bytes.Equal(again.Value, first.Value) {
			t.Fatalf("%x was %x", again.Value, first.Value)
		}
	}
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
