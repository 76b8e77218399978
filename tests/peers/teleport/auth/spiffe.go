// spiffe.go serves SPIFFE federations, which are created and deleted but never updated. No bundle
// is fetched, so no status is written.

package main

import (
	"context"

	machineidv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/machineid/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

type spiffeService struct {
	machineidv1.UnimplementedSPIFFEFederationServiceServer
	*kinds
}

func (s *spiffeService) GetSPIFFEFederation(ctx context.Context, r *machineidv1.GetSPIFFEFederationRequest) (*machineidv1.SPIFFEFederation, error) {
	return s.spiffeFederations.get(ctx, r.GetName())
}

func (s *spiffeService) ListSPIFFEFederations(ctx context.Context, r *machineidv1.ListSPIFFEFederationsRequest) (*machineidv1.ListSPIFFEFederationsResponse, error) {
	items, next, err := s.spiffeFederations.page(ctx, r.GetPageSize(), r.GetPageToken())
	return &machineidv1.ListSPIFFEFederationsResponse{SpiffeFederations: items, NextPageToken: next}, err
}

func (s *spiffeService) CreateSPIFFEFederation(ctx context.Context, r *machineidv1.CreateSPIFFEFederationRequest) (*machineidv1.SPIFFEFederation, error) {
	return s.spiffeFederations.create(ctx, r.GetSpiffeFederation())
}

func (s *spiffeService) DeleteSPIFFEFederation(ctx context.Context, r *machineidv1.DeleteSPIFFEFederationRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.spiffeFederations.delete(ctx, r.GetName())
}
