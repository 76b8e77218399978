// presets.go is what the store holds at the start: the role of the operator, with what
// the official operator's role gives, and the preset roles that users often have.

package main

import (
	"context"
	"maps"
	"slices"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
)

const (
	operatorUser = "bot-operator"
	operatorRole = "operator"
	// startupMethod is what the write log shows for these.
	startupMethod = "startup"
)

// operatorKinds are those of the official operator's role, and the newer ones that its
// later versions manage.
var operatorKinds = []string{
	types.KindRole, types.KindUser, types.KindAuthConnector, types.KindLoginRule, types.KindToken,
	types.KindOktaImportRule, types.KindAccessList, types.KindNode, types.KindTrustedCluster,
	types.KindBot, types.KindWorkloadIdentity, types.KindApp, types.KindAutoUpdateVersion,
	types.KindAutoUpdateConfig, types.KindDatabase,
	types.KindLock, types.KindAccessMonitoringRule, types.KindSAMLIdPServiceProvider,
}

func (k *kinds) addPresets() error {
	ctx := withCall(context.Background(), call{method: startupMethod, trusted: true})
	everything := types.Labels{types.Wildcard: {types.Wildcard}}
	verbs := []string{types.VerbList, types.VerbCreate, types.VerbRead, types.VerbUpdate, types.VerbDelete}
	operator := types.RoleSpecV6{Allow: types.RoleConditions{
		NodeLabels: everything, AppLabels: everything, DatabaseLabels: everything,
	}}
	for _, kind := range operatorKinds {
		operator.Allow.Rules = append(operator.Allow.Rules, types.NewRule(kind, verbs))
	}
	presets := map[string]types.RoleSpecV6{
		operatorRole: operator,
		"access": {Allow: types.RoleConditions{
			NodeLabels: everything, AppLabels: everything, DatabaseLabels: everything,
			Logins: []string{"{{internal.logins}}"},
		}},
		"auditor": {Allow: types.RoleConditions{Rules: []types.Rule{types.NewRule(types.KindEvent, []string{types.VerbList, types.VerbRead})}}},
		"editor":  {Allow: types.RoleConditions{Rules: []types.Rule{types.NewRule(types.KindRole, verbs), types.NewRule(types.KindUser, verbs)}}},
	}
	for _, name := range slices.Sorted(maps.Keys(presets)) {
		role := &types.RoleV6{Version: types.V7, Metadata: types.Metadata{Name: name}, Spec: presets[name]}
		if err := preset(ctx, k.roles, role); err != nil {
			return err
		}
	}
	return trace.NewAggregate(
		preset(ctx, k.authPreference, defaultAuthPreference()),
		preset(ctx, k.networkingConfig, defaultClusterNetworkingConfig()),
		preset(ctx, k.recordingConfig, defaultSessionRecordingConfig()),
	)
}

func preset[M message](ctx context.Context, k *kind[M], m M) error {
	if err := k.validate(m); err != nil {
		return err
	}
	return k.save(ctx, m, always)
}
