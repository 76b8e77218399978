// trustedclusters.go serves trusted clusters over the two services that share them. No
// trust is made: the other cluster is never called.

package main

import (
	"context"

	trustv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/trust/v1"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/protobuf/types/known/emptypb"
)

type trustService struct {
	trustv1.UnimplementedTrustServiceServer
	*kinds
}

func (s *trustService) CreateTrustedCluster(ctx context.Context, r *trustv1.CreateTrustedClusterRequest) (*types.TrustedClusterV2, error) {
	return s.trustedClusters.create(ctx, r.GetTrustedCluster())
}

func (s *trustService) UpdateTrustedCluster(ctx context.Context, r *trustv1.UpdateTrustedClusterRequest) (*types.TrustedClusterV2, error) {
	return s.trustedClusters.update(ctx, r.GetTrustedCluster())
}

func (s *trustService) UpsertTrustedCluster(ctx context.Context, r *trustv1.UpsertTrustedClusterRequest) (*types.TrustedClusterV2, error) {
	return s.trustedClusters.upsert(ctx, r.GetTrustedCluster())
}

func (s *authService) GetTrustedCluster(ctx context.Context, r *types.ResourceRequest) (*types.TrustedClusterV2, error) {
	return s.trustedClusters.get(ctx, r.Name)
}

func (s *authService) GetTrustedClusters(ctx context.Context, _ *emptypb.Empty) (*types.TrustedClusterV2List, error) {
	clusters, err := s.trustedClusters.list(ctx)
	return &types.TrustedClusterV2List{TrustedClusters: clusters}, err
}

func (s *authService) UpsertTrustedCluster(ctx context.Context, r *types.TrustedClusterV2) (*types.TrustedClusterV2, error) {
	return s.trustedClusters.upsert(ctx, r)
}

func (s *authService) DeleteTrustedCluster(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.trustedClusters.delete(ctx, r.Name)
}
