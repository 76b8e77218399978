// integrations.go serves integrations; no other service is called for them.

package main

import (
	"context"

	integrationv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/integration/v1"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/protobuf/types/known/emptypb"
)

type integrationService struct {
	integrationv1.UnimplementedIntegrationServiceServer
	*kinds
}

func (s *integrationService) GetIntegration(ctx context.Context, r *integrationv1.GetIntegrationRequest) (*types.IntegrationV1, error) {
	return s.integrations.get(ctx, r.GetName())
}

func (s *integrationService) ListIntegrations(ctx context.Context, r *integrationv1.ListIntegrationsRequest) (*integrationv1.ListIntegrationsResponse, error) {
	items, next, err := s.integrations.page(ctx, r.GetLimit(), r.GetNextKey())
	return &integrationv1.ListIntegrationsResponse{Integrations: items, NextKey: next}, err
}

func (s *integrationService) CreateIntegration(ctx context.Context, r *integrationv1.CreateIntegrationRequest) (*types.IntegrationV1, error) {
	return s.integrations.create(ctx, r.GetIntegration())
}

func (s *integrationService) UpdateIntegration(ctx context.Context, r *integrationv1.UpdateIntegrationRequest) (*types.IntegrationV1, error) {
	return s.integrations.update(ctx, r.GetIntegration())
}

func (s *integrationService) DeleteIntegration(ctx context.Context, r *integrationv1.DeleteIntegrationRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.integrations.delete(ctx, r.GetName())
}
