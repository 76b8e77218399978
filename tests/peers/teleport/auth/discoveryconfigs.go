// discoveryconfigs.go serves discovery configurations; nothing is discovered, so no status is written.

package main

import (
	"context"

	discoveryconfigv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/discoveryconfig/v1"
	"github.com/gravitational/teleport/api/types"
	convert "github.com/gravitational/teleport/api/types/discoveryconfig/convert/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

func discoveryConfigKind(b *backend) *kind[*discoveryconfigv1.DiscoveryConfig] {
	return converted(b, types.KindDiscoveryConfig, types.V1, convert.FromProto, convert.ToProto)
}

type discoveryConfigService struct {
	discoveryconfigv1.UnimplementedDiscoveryConfigServiceServer
	*kinds
}

func (s *discoveryConfigService) GetDiscoveryConfig(ctx context.Context, r *discoveryconfigv1.GetDiscoveryConfigRequest) (*discoveryconfigv1.DiscoveryConfig, error) {
	return s.discoveryConfigs.get(ctx, r.GetName())
}

func (s *discoveryConfigService) ListDiscoveryConfigs(ctx context.Context, r *discoveryconfigv1.ListDiscoveryConfigsRequest) (*discoveryconfigv1.ListDiscoveryConfigsResponse, error) {
	items, next, err := s.discoveryConfigs.page(ctx, r.GetPageSize(), r.GetNextToken())
	return &discoveryconfigv1.ListDiscoveryConfigsResponse{DiscoveryConfigs: items, NextKey: next}, err
}

func (s *discoveryConfigService) CreateDiscoveryConfig(ctx context.Context, r *discoveryconfigv1.CreateDiscoveryConfigRequest) (*discoveryconfigv1.DiscoveryConfig, error) {
	return s.discoveryConfigs.create(ctx, r.GetDiscoveryConfig())
}

func (s *discoveryConfigService) UpdateDiscoveryConfig(ctx context.Context, r *discoveryconfigv1.UpdateDiscoveryConfigRequest) (*discoveryconfigv1.DiscoveryConfig, error) {
	return s.discoveryConfigs.update(ctx, r.GetDiscoveryConfig())
}

func (s *discoveryConfigService) UpsertDiscoveryConfig(ctx context.Context, r *discoveryconfigv1.UpsertDiscoveryConfigRequest) (*discoveryconfigv1.DiscoveryConfig, error) {
	return s.discoveryConfigs.upsert(ctx, r.GetDiscoveryConfig())
}

func (s *discoveryConfigService) DeleteDiscoveryConfig(ctx context.Context, r *discoveryconfigv1.DeleteDiscoveryConfigRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.discoveryConfigs.delete(ctx, r.GetName())
}
