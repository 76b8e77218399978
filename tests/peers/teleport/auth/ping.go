// ping.go is what the server tells about itself to anyone who asks.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/coreos/go-semver/semver"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/trace"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/emptypb"
)

// entitlements are Teleport's, all of them on at the start: an Enterprise cluster.
var entitlements = []string{
	"AccessLists", "AccessMonitoring", "AccessRequests", "App", "CloudAuditLogRetention", "DB",
	"Desktop", "DeviceTrust", "ExternalAuditStorage", "FeatureHiding", "HSM", "Identity",
	"JoinActiveSessions", "K8s", "MobileDeviceManagement", "OIDC", "OktaSCIM", "OktaUserSync",
	"Policy", "SAML", "SessionLocks", "SessionSummaries", "UpsellAlert", "UsageReporting",
}

// about is the server's description of itself. It can be changed while it runs.
type about struct {
	// authorities gives the PEM of the present host authorities.
	authorities func() []byte

	mu       sync.Mutex
	cluster  string
	version  string
	features *proto.Features
}

func newAbout(cluster, version string, authorities func() []byte) *about {
	features := &proto.Features{
		Kubernetes: true, App: true, DB: true, Desktop: true, OIDC: true, SAML: true, HSM: true,
		AccessControls: true, AdvancedAccessWorkflows: true, IdentityGovernance: true,
		JoinActiveSessions: true, MobileDeviceManagement: true,
		Policy:       &proto.PolicyFeature{Enabled: true},
		Entitlements: map[string]*proto.EntitlementInfo{},
	}
	for _, name := range entitlements {
		features.Entitlements[name] = &proto.EntitlementInfo{Enabled: true}
	}
	return &about{cluster: cluster, version: version, features: features, authorities: authorities}
}

// versions are the server's own, the oldest client's that it takes, and the cluster's name.
func (a *about) versions() (own, oldest, cluster string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	oldest = "0.0.0"
	if v, err := semver.NewVersion(a.version); err == nil && v.Major > 0 {
		oldest = fmt.Sprintf("%d.0.0", v.Major-1)
	}
	return a.version, oldest, a.cluster
}

func (a *about) setVersion(version string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version = version
}

// mergeFeatures lays JSON over the features; what it does not mention stays.
func (a *about) mergeFeatures(body []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	// Responses share the present features, so they are replaced and not changed.
	present, err := json.Marshal(a.features)
	if err != nil {
		return trace.Wrap(err)
	}
	merged := &proto.Features{}
	if err := json.Unmarshal(present, merged); err != nil {
		return trace.Wrap(err)
	}
	if err := json.Unmarshal(body, merged); err != nil {
		return trace.BadParameter("features: %v", err)
	}
	a.features = merged
	return nil
}

func (s *authService) Ping(ctx context.Context, _ *proto.PingRequest) (*proto.PingResponse, error) {
	s.about.mu.Lock()
	defer s.about.mu.Unlock()
	response := &proto.PingResponse{
		ClusterName:    s.about.cluster,
		ServerVersion:  s.about.version,
		ServerFeatures: s.about.features,
	}
	if p, ok := peer.FromContext(ctx); ok {
		response.RemoteAddr = p.Addr.String()
	}
	return response, nil
}

func (s *authService) GetDomainName(context.Context, *emptypb.Empty) (*proto.GetDomainNameResponse, error) {
	return &proto.GetDomainNameResponse{DomainName: s.about.cluster}, nil
}

// GetClusterCACert gives the host authorities, to anyone.
func (s *authService) GetClusterCACert(context.Context, *emptypb.Empty) (*proto.GetClusterCACertResponse, error) {
	return &proto.GetClusterCACertResponse{TLSCA: s.about.authorities()}, nil
}
