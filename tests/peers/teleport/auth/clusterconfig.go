// clusterconfig.go serves the configurations that every cluster has one of, over their
// own service and the older calls of AuthService. They can be reset, never deleted.

package main

import (
	"context"
	"reflect"

	clusterconfigv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/clusterconfig/v1"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/protobuf/types/known/emptypb"
)

type clusterConfigService struct {
	clusterconfigv1.UnimplementedClusterConfigServiceServer
	*kinds
}

// made sets the origin that every configuration set over the API gets, whatever it
// says itself: a client's own origin label does not survive here.
func made[M legacyConfig](m M) M {
	if !reflect.ValueOf(m).IsNil() {
		m.SetOrigin(types.OriginDynamic)
	}
	return m
}

type legacyConfig interface {
	legacyMessage
	types.ResourceWithOrigin
}

// The module returns its defaults as interfaces of these types.
func defaultAuthPreference() *types.AuthPreferenceV2 {
	return types.DefaultAuthPreference().(*types.AuthPreferenceV2)
}

func defaultClusterNetworkingConfig() *types.ClusterNetworkingConfigV2 {
	return types.DefaultClusterNetworkingConfig().(*types.ClusterNetworkingConfigV2)
}

func defaultSessionRecordingConfig() *types.SessionRecordingConfigV2 {
	return types.DefaultSessionRecordingConfig().(*types.SessionRecordingConfigV2)
}

func (s *clusterConfigService) GetAuthPreference(ctx context.Context, _ *clusterconfigv1.GetAuthPreferenceRequest) (*types.AuthPreferenceV2, error) {
	return s.authPreference.get(ctx, types.MetaNameClusterAuthPreference)
}

func (s *clusterConfigService) UpdateAuthPreference(ctx context.Context, r *clusterconfigv1.UpdateAuthPreferenceRequest) (*types.AuthPreferenceV2, error) {
	return s.authPreference.update(ctx, made(r.GetAuthPreference()))
}

func (s *clusterConfigService) UpsertAuthPreference(ctx context.Context, r *clusterconfigv1.UpsertAuthPreferenceRequest) (*types.AuthPreferenceV2, error) {
	return s.authPreference.upsert(ctx, made(r.GetAuthPreference()))
}

func (s *clusterConfigService) ResetAuthPreference(ctx context.Context, _ *clusterconfigv1.ResetAuthPreferenceRequest) (*types.AuthPreferenceV2, error) {
	return s.authPreference.write(ctx, defaultAuthPreference(), always, types.VerbUpdate)
}

func (s *authService) GetAuthPreference(ctx context.Context, _ *emptypb.Empty) (*types.AuthPreferenceV2, error) {
	return s.authPreference.get(ctx, types.MetaNameClusterAuthPreference)
}

func (s *authService) SetAuthPreference(ctx context.Context, r *types.AuthPreferenceV2) (*emptypb.Empty, error) {
	_, err := s.authPreference.upsert(ctx, made(r))
	return &emptypb.Empty{}, err
}

func (s *authService) ResetAuthPreference(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	_, err := s.authPreference.write(ctx, defaultAuthPreference(), always, types.VerbUpdate)
	return &emptypb.Empty{}, err
}

func (s *clusterConfigService) GetClusterNetworkingConfig(ctx context.Context, _ *clusterconfigv1.GetClusterNetworkingConfigRequest) (*types.ClusterNetworkingConfigV2, error) {
	return s.networkingConfig.get(ctx, types.MetaNameClusterNetworkingConfig)
}

func (s *clusterConfigService) UpdateClusterNetworkingConfig(ctx context.Context, r *clusterconfigv1.UpdateClusterNetworkingConfigRequest) (*types.ClusterNetworkingConfigV2, error) {
	return s.networkingConfig.update(ctx, made(r.GetClusterNetworkConfig()))
}

func (s *clusterConfigService) UpsertClusterNetworkingConfig(ctx context.Context, r *clusterconfigv1.UpsertClusterNetworkingConfigRequest) (*types.ClusterNetworkingConfigV2, error) {
	return s.networkingConfig.upsert(ctx, made(r.GetClusterNetworkConfig()))
}

func (s *clusterConfigService) ResetClusterNetworkingConfig(ctx context.Context, _ *clusterconfigv1.ResetClusterNetworkingConfigRequest) (*types.ClusterNetworkingConfigV2, error) {
	return s.networkingConfig.write(ctx, defaultClusterNetworkingConfig(), always, types.VerbUpdate)
}

func (s *authService) GetClusterNetworkingConfig(ctx context.Context, _ *emptypb.Empty) (*types.ClusterNetworkingConfigV2, error) {
	return s.networkingConfig.get(ctx, types.MetaNameClusterNetworkingConfig)
}

func (s *authService) SetClusterNetworkingConfig(ctx context.Context, r *types.ClusterNetworkingConfigV2) (*emptypb.Empty, error) {
	_, err := s.networkingConfig.upsert(ctx, made(r))
	return &emptypb.Empty{}, err
}

func (s *authService) ResetClusterNetworkingConfig(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	_, err := s.networkingConfig.write(ctx, defaultClusterNetworkingConfig(), always, types.VerbUpdate)
	return &emptypb.Empty{}, err
}

func (s *clusterConfigService) GetSessionRecordingConfig(ctx context.Context, _ *clusterconfigv1.GetSessionRecordingConfigRequest) (*types.SessionRecordingConfigV2, error) {
	return s.recordingConfig.get(ctx, types.MetaNameSessionRecordingConfig)
}

func (s *clusterConfigService) UpdateSessionRecordingConfig(ctx context.Context, r *clusterconfigv1.UpdateSessionRecordingConfigRequest) (*types.SessionRecordingConfigV2, error) {
	return s.recordingConfig.update(ctx, made(r.GetSessionRecordingConfig()))
}

func (s *clusterConfigService) UpsertSessionRecordingConfig(ctx context.Context, r *clusterconfigv1.UpsertSessionRecordingConfigRequest) (*types.SessionRecordingConfigV2, error) {
	return s.recordingConfig.upsert(ctx, made(r.GetSessionRecordingConfig()))
}

func (s *clusterConfigService) ResetSessionRecordingConfig(ctx context.Context, _ *clusterconfigv1.ResetSessionRecordingConfigRequest) (*types.SessionRecordingConfigV2, error) {
	return s.recordingConfig.write(ctx, defaultSessionRecordingConfig(), always, types.VerbUpdate)
}

func (s *authService) GetSessionRecordingConfig(ctx context.Context, _ *emptypb.Empty) (*types.SessionRecordingConfigV2, error) {
	return s.recordingConfig.get(ctx, types.MetaNameSessionRecordingConfig)
}

func (s *authService) SetSessionRecordingConfig(ctx context.Context, r *types.SessionRecordingConfigV2) (*emptypb.Empty, error) {
	_, err := s.recordingConfig.upsert(ctx, made(r))
	return &emptypb.Empty{}, err
}

func (s *authService) ResetSessionRecordingConfig(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	_, err := s.recordingConfig.write(ctx, defaultSessionRecordingConfig(), always, types.VerbUpdate)
	return &emptypb.Empty{}, err
}
