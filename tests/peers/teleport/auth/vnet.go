// vnet.go serves the VNet configuration, a singleton; requests carry no name.

package main

import (
	"context"

	vnetv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/vnet/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

// vnetConfigName is what is read and deleted. The module does not fix the name, so a
// write is not held to it.
const vnetConfigName = "vnet-config"

type vnetService struct {
	vnetv1.UnimplementedVnetConfigServiceServer
	*kinds
}

func (s *vnetService) GetVnetConfig(ctx context.Context, _ *vnetv1.GetVnetConfigRequest) (*vnetv1.VnetConfig, error) {
	return s.vnetConfig.get(ctx, vnetConfigName)
}

func (s *vnetService) CreateVnetConfig(ctx context.Context, r *vnetv1.CreateVnetConfigRequest) (*vnetv1.VnetConfig, error) {
	return s.vnetConfig.create(ctx, r.GetVnetConfig())
}

func (s *vnetService) UpdateVnetConfig(ctx context.Context, r *vnetv1.UpdateVnetConfigRequest) (*vnetv1.VnetConfig, error) {
	return s.vnetConfig.update(ctx, r.GetVnetConfig())
}

func (s *vnetService) UpsertVnetConfig(ctx context.Context, r *vnetv1.UpsertVnetConfigRequest) (*vnetv1.VnetConfig, error) {
	return s.vnetConfig.upsert(ctx, r.GetVnetConfig())
}

func (s *vnetService) DeleteVnetConfig(ctx context.Context, _ *vnetv1.DeleteVnetConfigRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.vnetConfig.delete(ctx, vnetConfigName)
}
