// samlidp.go serves the service providers that use Teleport as their identity provider.
// No metadata of theirs is fetched.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/protobuf/types/known/emptypb"
)

func samlServiceProviderKind(b *backend) *kind[*types.SAMLIdPServiceProviderV1] {
	k := legacy[*types.SAMLIdPServiceProviderV1](b, types.KindSAMLIdPServiceProvider, types.V1)
	k.unconditional = true
	return k
}

func (s *authService) GetSAMLIdPServiceProvider(ctx context.Context, r *proto.GetSAMLIdPServiceProviderRequest) (*types.SAMLIdPServiceProviderV1, error) {
	return s.samlServiceProviders.get(ctx, r.Name)
}

func (s *authService) ListSAMLIdPServiceProviders(ctx context.Context, r *proto.ListSAMLIdPServiceProvidersRequest) (*proto.ListSAMLIdPServiceProvidersResponse, error) {
	all, err := s.samlServiceProviders.list(ctx)
	if err != nil {
		return nil, err
	}
	page, next := paginate(all, r.Limit, r.NextKey, (*types.SAMLIdPServiceProviderV1).GetName)
	return &proto.ListSAMLIdPServiceProvidersResponse{ServiceProviders: page, NextKey: next, TotalCount: int32(len(all))}, nil
}

func (s *authService) CreateSAMLIdPServiceProvider(ctx context.Context, r *types.SAMLIdPServiceProviderV1) (*emptypb.Empty, error) {
	_, err := s.samlServiceProviders.create(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) UpdateSAMLIdPServiceProvider(ctx context.Context, r *types.SAMLIdPServiceProviderV1) (*emptypb.Empty, error) {
	_, err := s.samlServiceProviders.update(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteSAMLIdPServiceProvider(ctx context.Context, r *proto.DeleteSAMLIdPServiceProviderRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.samlServiceProviders.delete(ctx, r.Name)
}
