// services.go is the list of gRPC services that are served. What is not in it answers
// UNIMPLEMENTED.

package main

import (
	"github.com/gravitational/teleport/api/client/proto"
	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	accessmonitoringrulesv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accessmonitoringrules/v1"
	autoupdatev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/autoupdate/v1"
	clusterconfigv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/clusterconfig/v1"
	crownjewelv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/crownjewel/v1"
	dbobjectimportrulev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/dbobjectimportrule/v1"
	discoveryconfigv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/discoveryconfig/v1"
	dynamicwindowsv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/dynamicwindows/v1"
	gitserverv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/gitserver/v1"
	integrationv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/integration/v1"
	loginrulev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/loginrule/v1"
	machineidv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/machineid/v1"
	oktav1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/okta/v1"
	trustv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/trust/v1"
	userprovisioningv2 "github.com/gravitational/teleport/api/gen/proto/go/teleport/userprovisioning/v2"
	usersv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/users/v1"
	vnetv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/vnet/v1"
	workloadidentityv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/workloadidentity/v1"
	"google.golang.org/grpc"
)

// register adds every service to r.
func (k *kinds) register(r *grpc.Server, auth *authService) {
	proto.RegisterAuthServiceServer(r, auth)
	machineidv1.RegisterSPIFFEFederationServiceServer(r, &spiffeService{kinds: k})
	machineidv1.RegisterBotServiceServer(r, &botService{bots: bots{k}})
	accesslistv1.RegisterAccessListServiceServer(r, &accessListService{kinds: k})
	accessmonitoringrulesv1.RegisterAccessMonitoringRulesServiceServer(r, &accessMonitoringService{kinds: k})
	autoupdatev1.RegisterAutoUpdateServiceServer(r, &autoupdateService{kinds: k})
	clusterconfigv1.RegisterClusterConfigServiceServer(r, &clusterConfigService{kinds: k})
	crownjewelv1.RegisterCrownJewelServiceServer(r, &crownJewelService{kinds: k})
	dbobjectimportrulev1.RegisterDatabaseObjectImportRuleServiceServer(r, &dbObjectImportRuleService{kinds: k})
	discoveryconfigv1.RegisterDiscoveryConfigServiceServer(r, &discoveryConfigService{kinds: k})
	dynamicwindowsv1.RegisterDynamicWindowsServiceServer(r, &dynamicWindowsService{kinds: k})
	gitserverv1.RegisterGitServerServiceServer(r, &gitServerService{kinds: k})
	integrationv1.RegisterIntegrationServiceServer(r, &integrationService{kinds: k})
	loginrulev1.RegisterLoginRuleServiceServer(r, &loginRuleService{kinds: k})
	oktav1.RegisterOktaServiceServer(r, &oktaService{kinds: k})
	trustv1.RegisterTrustServiceServer(r, &trustService{kinds: k})
	userprovisioningv2.RegisterStaticHostUsersServiceServer(r, &staticHostUserService{kinds: k})
	usersv1.RegisterUsersServiceServer(r, &usersService{kinds: k})
	vnetv1.RegisterVnetConfigServiceServer(r, &vnetService{kinds: k})
	workloadidentityv1.RegisterWorkloadIdentityResourceServiceServer(r, &workloadIdentityService{kinds: k})
}
