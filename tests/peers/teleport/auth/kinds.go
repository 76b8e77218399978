// kinds.go is the table of kinds: their names, versions and forms. What Teleport does
// differently for one of them is in the file that serves it; what spans several is in
// references.go and bots.go.

package main

import (
	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	accessmonitoringrulesv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accessmonitoringrules/v1"
	autoupdatev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/autoupdate/v1"
	crownjewelv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/crownjewel/v1"
	dbobjectimportrulev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/dbobjectimportrule/v1"
	discoveryconfigv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/discoveryconfig/v1"
	loginrulev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/loginrule/v1"
	machineidv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/machineid/v1"
	userprovisioningv2 "github.com/gravitational/teleport/api/gen/proto/go/teleport/userprovisioning/v2"
	vnetv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/vnet/v1"
	workloadidentityv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/workloadidentity/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/teleport/api/types/autoupdate"
)

// kinds holds the stored kinds, typed for the services that serve them.
type kinds struct {
	access *access
	// table has every kind by its name, and bots.
	table map[string]anyKind

	accessListMembers     *kind[*accesslistv1.Member]
	accessLists           *kind[*accesslistv1.AccessList]
	accessMonitoringRules *kind[*accessmonitoringrulesv1.AccessMonitoringRule]
	apps                  *kind[*types.AppV3]
	authPreference        *kind[*types.AuthPreferenceV2]
	autoupdateConfig      *kind[*autoupdatev1.AutoUpdateConfig]
	autoupdateVersion     *kind[*autoupdatev1.AutoUpdateVersion]
	crownJewels           *kind[*crownjewelv1.CrownJewel]
	databases             *kind[*types.DatabaseV3]
	dbObjectImportRules   *kind[*dbobjectimportrulev1.DatabaseObjectImportRule]
	discoveryConfigs      *kind[*discoveryconfigv1.DiscoveryConfig]
	gitServers            *kind[*types.ServerV2]
	github                *kind[*types.GithubConnectorV3]
	installers            *kind[*types.InstallerV1]
	integrations          *kind[*types.IntegrationV1]
	kubeClusters          *kind[*types.KubernetesClusterV3]
	locks                 *kind[*types.LockV2]
	loginRules            *kind[*loginrulev1.LoginRule]
	networkingConfig      *kind[*types.ClusterNetworkingConfigV2]
	maintenanceConfig     *kind[*types.ClusterMaintenanceConfigV1]
	nodes                 *kind[*types.ServerV2]
	oidc                  *kind[*types.OIDCConnectorV3]
	oktaImportRules       *kind[*types.OktaImportRuleV1]
	recordingConfig       *kind[*types.SessionRecordingConfigV2]
	roles                 *kind[*types.RoleV6]
	saml                  *kind[*types.SAMLConnectorV2]
	samlServiceProviders  *kind[*types.SAMLIdPServiceProviderV1]
	serverInfos           *kind[*types.ServerInfoV1]
	spiffeFederations     *kind[*machineidv1.SPIFFEFederation]
	staticHostUsers       *kind[*userprovisioningv2.StaticHostUser]
	tokens                *kind[*types.ProvisionTokenV2]
	trustedClusters       *kind[*types.TrustedClusterV2]
	uiConfig              *kind[*types.UIConfigV1]
	users                 *kind[*types.UserV2]
	vnetConfig            *kind[*vnetv1.VnetConfig]
	windowsDesktops       *kind[*types.DynamicWindowsDesktopV1]
	workloadIdentities    *kind[*workloadidentityv1.WorkloadIdentity]
}

func newKinds(s *store, c *cache) *kinds {
	b := &backend{store: s, cache: c, access: &access{}}
	k := &kinds{access: b.access, table: map[string]anyKind{}}
	k.accessListMembers = add(k, accessListMemberKind(b))
	k.accessLists = add(k, accessListKind(b))
	k.accessMonitoringRules = add(k, plain(b, types.KindAccessMonitoringRule, types.V1, unchecked[*accessmonitoringrulesv1.AccessMonitoringRule]))
	k.apps = add(k, dynamicKind[*types.AppV3](b, types.KindApp, types.V3, "app"))
	k.authPreference = add(k, legacy[*types.AuthPreferenceV2](b, types.KindClusterAuthPreference, types.V2))
	k.autoupdateConfig = add(k, plain(b, types.KindAutoUpdateConfig, types.V1, autoupdate.ValidateAutoUpdateConfig))
	k.autoupdateVersion = add(k, plain(b, types.KindAutoUpdateVersion, types.V1, autoupdate.ValidateAutoUpdateVersion))
	k.crownJewels = add(k, plain(b, types.KindCrownJewel, types.V1, unchecked[*crownjewelv1.CrownJewel]))
	k.databases = add(k, dynamicKind[*types.DatabaseV3](b, types.KindDatabase, types.V3, "database"))
	k.dbObjectImportRules = add(k, unwatched(plain(b, types.KindDatabaseObjectImportRule, types.V1, unchecked[*dbobjectimportrulev1.DatabaseObjectImportRule])))
	k.discoveryConfigs = add(k, discoveryConfigKind(b))
	k.gitServers = add(k, serverKind(b, types.KindGitServer))
	k.github = add(k, connectorKind[*types.GithubConnectorV3](b, types.KindGithub, types.V3))
	k.installers = add(k, legacy[*types.InstallerV1](b, types.KindInstaller, types.V1))
	k.integrations = add(k, legacy[*types.IntegrationV1](b, types.KindIntegration, types.V1))
	k.kubeClusters = add(k, dynamicKind[*types.KubernetesClusterV3](b, types.KindKubernetesCluster, types.V3, "kubernetes cluster"))
	k.locks = add(k, legacy[*types.LockV2](b, types.KindLock, types.V2))
	k.loginRules = add(k, loginRuleKind(b))
	k.networkingConfig = add(k, legacy[*types.ClusterNetworkingConfigV2](b, types.KindClusterNetworkingConfig, types.V2))
	k.maintenanceConfig = add(k, unwatched(legacy[*types.ClusterMaintenanceConfigV1](b, types.KindClusterMaintenanceConfig, types.V1)))
	k.nodes = add(k, nodeKind(b))
	k.oidc = add(k, connectorKind[*types.OIDCConnectorV3](b, types.KindOIDC, types.V3))
	k.oktaImportRules = add(k, legacy[*types.OktaImportRuleV1](b, types.KindOktaImportRule, types.V1))
	k.recordingConfig = add(k, legacy[*types.SessionRecordingConfigV2](b, types.KindSessionRecordingConfig, types.V2))
	k.roles = add(k, roleKind(b))
	k.saml = add(k, connectorKind[*types.SAMLConnectorV2](b, types.KindSAML, types.V2))
	k.samlServiceProviders = add(k, samlServiceProviderKind(b))
	k.serverInfos = add(k, unwatched(legacy[*types.ServerInfoV1](b, types.KindServerInfo, types.V1)))
	k.spiffeFederations = add(k, plain(b, types.KindSPIFFEFederation, types.V1, unchecked[*machineidv1.SPIFFEFederation]))
	k.staticHostUsers = add(k, plain(b, types.KindStaticHostUser, types.V2, unchecked[*userprovisioningv2.StaticHostUser]))
	k.tokens = add(k, tokenKind(b))
	k.trustedClusters = add(k, unwatched(legacy[*types.TrustedClusterV2](b, types.KindTrustedCluster, types.V2)))
	k.uiConfig = add(k, legacy[*types.UIConfigV1](b, types.KindUIConfig, types.V1))
	k.users = add(k, userKind(b))
	k.vnetConfig = add(k, unwatched(plain(b, types.KindVnetConfig, types.V1, unchecked[*vnetv1.VnetConfig])))
	k.windowsDesktops = add(k, legacy[*types.DynamicWindowsDesktopV1](b, types.KindDynamicWindowsDesktop, types.V1))
	k.workloadIdentities = add(k, plain(b, types.KindWorkloadIdentity, types.V1, unchecked[*workloadidentityv1.WorkloadIdentity]))
	k.table[types.KindBot] = bots{k}

	k.access.role = func(name string) (types.Role, error) { return k.roles.read(s, name) }
	k.users.prepare = k.prepareUser
	k.accessListMembers.prepare = k.prepareMember
	k.roles.release = k.releaseRole
	return k
}

func add[M message](k *kinds, one *kind[M]) *kind[M] {
	k.table[one.name] = one
	return one
}

// unwatched is for kinds that the event stream does not have.
func unwatched[M message](k *kind[M]) *kind[M] {
	k.event = nil
	return k
}
