// kinds.go is the table of kinds: what each is called, how it is checked, and where
// Teleport treats it differently from the others. Behaviour that spans several kinds
// is in references.go and bots.go.

package main

import (
	"fmt"
	"strings"

	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	autoupdatev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/autoupdate/v1"
	loginrulev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/loginrule/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/teleport/api/types/autoupdate"
	"github.com/gravitational/trace"
)

// kinds holds the stored kinds, typed for the services that serve them.
type kinds struct {
	roles             *kind[*types.RoleV6]
	users             *kind[*types.UserV2]
	tokens            *kind[*types.ProvisionTokenV2]
	github            *kind[*types.GithubConnectorV3]
	nodes             *kind[*types.ServerV2]
	loginRules        *kind[*loginrulev1.LoginRule]
	accessLists       *kind[*accesslistv1.AccessList]
	autoupdateConfig  *kind[*autoupdatev1.AutoUpdateConfig]
	autoupdateVersion *kind[*autoupdatev1.AutoUpdateVersion]
}

func newKinds(s *store, c *cache) *kinds {
	b := &backend{store: s, cache: c, access: &access{}}
	k := &kinds{
		roles:             roleKind(b),
		users:             userKind(b),
		tokens:            tokenKind(b),
		github:            githubKind(b),
		nodes:             nodeKind(b),
		loginRules:        loginRuleKind(b),
		accessLists:       accessListKind(b),
		autoupdateConfig:  plain(b, types.KindAutoUpdateConfig, types.V1, autoupdate.ValidateAutoUpdateConfig),
		autoupdateVersion: plain(b, types.KindAutoUpdateVersion, types.V1, autoupdate.ValidateAutoUpdateVersion),
	}
	b.access.role = func(name string) (types.Role, error) { return k.roles.read(s, name) }
	k.users.prepare = k.prepareUser
	k.roles.release = k.releaseRole
	return k
}

// table lists the kinds by name for those who need no types.
func (k *kinds) table() map[string]anyKind {
	table := map[string]anyKind{}
	for _, kind := range []anyKind{
		k.roles, k.users, k.tokens, k.github, k.nodes, k.loginRules, k.accessLists,
		k.autoupdateConfig, k.autoupdateVersion, bots{k},
	} {
		table[kind.kindName()] = kind
	}
	return table
}

func roleKind(b *backend) *kind[*types.RoleV6] {
	k := legacy[*types.RoleV6](b, types.KindRole, types.V7)
	k.path = "/roles/%s/params"
	k.absent = says(trace.NotFound, "role %v is not found")
	k.gone = k.absent
	k.taken = says(trace.AlreadyExists, "role %v already exists")
	return k
}

func userKind(b *backend) *kind[*types.UserV2] {
	k := legacy[*types.UserV2](b, types.KindUser, types.V2)
	k.path = "/web/users/%s/params"
	k.absent = says(trace.NotFound, `user "%v" is not found`)
	k.gone = k.absent
	k.taken = says(trace.AlreadyExists, `user "%v" already registered`)
	k.sought = true
	return k
}

func tokenKind(b *backend) *kind[*types.ProvisionTokenV2] {
	k := legacy[*types.ProvisionTokenV2](b, types.KindToken, types.V2)
	k.path = "/tokens/%s"
	k.absent = func(name string) error {
		return trace.NotFound("provisioning token(%s) not found", masked(name))
	}
	k.gone = k.absent
	k.taken = func(name string) error {
		return trace.AlreadyExists("provisioning token(%s) already exists", masked(name))
	}
	return k
}

// masked hides the first three quarters of a token's name, which may be a secret.
func masked(name string) string {
	hidden := len(name) * 3 / 4
	return strings.Repeat("*", hidden) + name[hidden:]
}

func githubKind(b *backend) *kind[*types.GithubConnectorV3] {
	return connectorKind(legacy[*types.GithubConnectorV3](b, types.KindGithub, types.V3))
}

// connectorKind gives k what all sign-on connectors have.
func connectorKind[M message](k *kind[M]) *kind[M] {
	k.rules = []string{types.KindAuthConnector, k.name}
	k.path = fmt.Sprintf("/web/connectors/%s/connectors/%%s", k.name)
	k.absent = says(trace.NotFound, k.name+` connector "%v" is not configured`)
	k.gone = says(trace.NotFound, fmt.Sprintf("key /web/connectors/%s/connectors/%%v is not found", k.name))
	k.taken = says(trace.AlreadyExists, k.name+` connector "%v" already exists`)
	k.event = nil
	return k
}

func nodeKind(b *backend) *kind[*types.ServerV2] {
	k := legacy[*types.ServerV2](b, types.KindNode, types.V2)
	k.path = "/nodes/default/%s"
	k.absent = says(trace.NotFound, "key /nodes/default/%v is not found")
	k.gone = k.absent
	k.labelled = true
	official := k.check
	k.check = func(m *types.ServerV2) error {
		if err := official(m); err != nil {
			return err
		}
		if err := checkNamespace(m.GetNamespace()); err != nil {
			return err
		}
		return expect("kind", m.GetKind(), types.KindNode)
	}
	return k
}
