// autoupdate.go serves the two automatic update singletons. Their names are fixed, so
// requests carry none. The agent rollout, which the server itself makes, is not served.

package main

import (
	"context"

	autoupdatev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/autoupdate/v1"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/protobuf/types/known/emptypb"
)

type autoupdateService struct {
	autoupdatev1.UnimplementedAutoUpdateServiceServer
	*kinds
}

func (s *autoupdateService) GetAutoUpdateConfig(ctx context.Context, _ *autoupdatev1.GetAutoUpdateConfigRequest) (*autoupdatev1.AutoUpdateConfig, error) {
	return s.autoupdateConfig.get(ctx, types.MetaNameAutoUpdateConfig)
}

func (s *autoupdateService) CreateAutoUpdateConfig(ctx context.Context, r *autoupdatev1.CreateAutoUpdateConfigRequest) (*autoupdatev1.AutoUpdateConfig, error) {
	return s.autoupdateConfig.create(ctx, r.GetConfig())
}

func (s *autoupdateService) UpdateAutoUpdateConfig(ctx context.Context, r *autoupdatev1.UpdateAutoUpdateConfigRequest) (*autoupdatev1.AutoUpdateConfig, error) {
	return s.autoupdateConfig.update(ctx, r.GetConfig())
}

func (s *autoupdateService) UpsertAutoUpdateConfig(ctx context.Context, r *autoupdatev1.UpsertAutoUpdateConfigRequest) (*autoupdatev1.AutoUpdateConfig, error) {
	return s.autoupdateConfig.upsert(ctx, r.GetConfig())
}

func (s *autoupdateService) DeleteAutoUpdateConfig(ctx context.Context, _ *autoupdatev1.DeleteAutoUpdateConfigRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.autoupdateConfig.delete(ctx, types.MetaNameAutoUpdateConfig)
}

func (s *autoupdateService) GetAutoUpdateVersion(ctx context.Context, _ *autoupdatev1.GetAutoUpdateVersionRequest) (*autoupdatev1.AutoUpdateVersion, error) {
	return s.autoupdateVersion.get(ctx, types.MetaNameAutoUpdateVersion)
}

func (s *autoupdateService) CreateAutoUpdateVersion(ctx context.Context, r *autoupdatev1.CreateAutoUpdateVersionRequest) (*autoupdatev1.AutoUpdateVersion, error) {
	return s.autoupdateVersion.create(ctx, r.GetVersion())
}

func (s *autoupdateService) UpdateAutoUpdateVersion(ctx context.Context, r *autoupdatev1.UpdateAutoUpdateVersionRequest) (*autoupdatev1.AutoUpdateVersion, error) {
	return s.autoupdateVersion.update(ctx, r.GetVersion())
}

func (s *autoupdateService) UpsertAutoUpdateVersion(ctx context.Context, r *autoupdatev1.UpsertAutoUpdateVersionRequest) (*autoupdatev1.AutoUpdateVersion, error) {
	return s.autoupdateVersion.upsert(ctx, r.GetVersion())
}

func (s *autoupdateService) DeleteAutoUpdateVersion(ctx context.Context, _ *autoupdatev1.DeleteAutoUpdateVersionRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.autoupdateVersion.delete(ctx, types.MetaNameAutoUpdateVersion)
}
