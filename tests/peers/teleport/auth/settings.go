// settings.go serves the small kinds of AuthService that are only ever set whole:
// installers, server infos, and the configurations of the web UI and of maintenance.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

func (s *authService) GetInstaller(ctx context.Context, r *types.ResourceRequest) (*types.InstallerV1, error) {
	return s.installers.get(ctx, r.Name)
}

func (s *authService) GetInstallers(ctx context.Context, _ *emptypb.Empty) (*types.InstallerV1List, error) {
	installers, err := s.installers.list(ctx)
	return &types.InstallerV1List{Installers: installers}, err
}

func (s *authService) SetInstaller(ctx context.Context, r *types.InstallerV1) (*emptypb.Empty, error) {
	_, err := s.installers.upsert(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteInstaller(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.installers.delete(ctx, r.Name)
}

func (s *authService) GetUIConfig(ctx context.Context, _ *emptypb.Empty) (*types.UIConfigV1, error) {
	return s.uiConfig.get(ctx, types.MetaNameUIConfig)
}

func (s *authService) SetUIConfig(ctx context.Context, r *types.UIConfigV1) (*emptypb.Empty, error) {
	_, err := s.uiConfig.upsert(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteUIConfig(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.uiConfig.delete(ctx, types.MetaNameUIConfig)
}

func (s *authService) GetServerInfo(ctx context.Context, r *types.ResourceRequest) (*types.ServerInfoV1, error) {
	return s.serverInfos.get(ctx, r.Name)
}

func (s *authService) GetServerInfos(_ *emptypb.Empty, stream proto.AuthService_GetServerInfosServer) error {
	infos, err := s.serverInfos.list(stream.Context())
	if err != nil {
		return err
	}
	for _, info := range infos {
		if err := stream.Send(info); err != nil {
			return err
		}
	}
	return nil
}

func (s *authService) UpsertServerInfo(ctx context.Context, r *types.ServerInfoV1) (*emptypb.Empty, error) {
	_, err := s.serverInfos.upsert(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteServerInfo(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.serverInfos.delete(ctx, r.Name)
}

func (s *authService) GetClusterMaintenanceConfig(ctx context.Context, _ *emptypb.Empty) (*types.ClusterMaintenanceConfigV1, error) {
	return s.maintenanceConfig.get(ctx, types.MetaNameClusterMaintenanceConfig)
}

// UpdateClusterMaintenanceConfig is guarded by a nonce of the resource's own, which is
// zero for a new one and counts its updates; the revision is not looked at.
func (s *authService) UpdateClusterMaintenanceConfig(ctx context.Context, r *types.ClusterMaintenanceConfigV1) (*emptypb.Empty, error) {
	expected := r.Nonce
	r.Nonce++
	current := func(_, _ string) guard {
		return func(old *record) error {
			if nonce, err := s.nonce(old); err != nil || nonce != expected {
				return trace.CompareFailed("maintenance config was concurrently modified, please re-pull and work from latest state")
			}
			return nil
		}
	}
	_, err := s.maintenanceConfig.write(ctx, r, current, types.VerbCreate, types.VerbUpdate)
	return &emptypb.Empty{}, err
}

func (s *authService) nonce(old *record) (uint64, error) {
	if old == nil {
		return 0, nil
	}
	stored, err := s.maintenanceConfig.parse(*old)
	return stored.Nonce, err
}

func (s *authService) DeleteClusterMaintenanceConfig(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.maintenanceConfig.delete(ctx, types.MetaNameClusterMaintenanceConfig)
}
