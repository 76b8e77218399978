// statichostusers.go serves static host users; no host is told of them.

package main

import (
	"context"

	userprovisioningv2 "github.com/gravitational/teleport/api/gen/proto/go/teleport/userprovisioning/v2"
	"google.golang.org/protobuf/types/known/emptypb"
)

type staticHostUserService struct {
	userprovisioningv2.UnimplementedStaticHostUsersServiceServer
	*kinds
}

func (s *staticHostUserService) GetStaticHostUser(ctx context.Context, r *userprovisioningv2.GetStaticHostUserRequest) (*userprovisioningv2.StaticHostUser, error) {
	return s.staticHostUsers.get(ctx, r.GetName())
}

func (s *staticHostUserService) ListStaticHostUsers(ctx context.Context, r *userprovisioningv2.ListStaticHostUsersRequest) (*userprovisioningv2.ListStaticHostUsersResponse, error) {
	items, next, err := s.staticHostUsers.page(ctx, r.GetPageSize(), r.GetPageToken())
	return &userprovisioningv2.ListStaticHostUsersResponse{Users: items, NextPageToken: next}, err
}

func (s *staticHostUserService) CreateStaticHostUser(ctx context.Context, r *userprovisioningv2.CreateStaticHostUserRequest) (*userprovisioningv2.StaticHostUser, error) {
	return s.staticHostUsers.create(ctx, r.GetUser())
}

func (s *staticHostUserService) UpdateStaticHostUser(ctx context.Context, r *userprovisioningv2.UpdateStaticHostUserRequest) (*userprovisioningv2.StaticHostUser, error) {
	return s.staticHostUsers.update(ctx, r.GetUser())
}

func (s *staticHostUserService) UpsertStaticHostUser(ctx context.Context, r *userprovisioningv2.UpsertStaticHostUserRequest) (*userprovisioningv2.StaticHostUser, error) {
	return s.staticHostUsers.upsert(ctx, r.GetUser())
}

func (s *staticHostUserService) DeleteStaticHostUser(ctx context.Context, r *userprovisioningv2.DeleteStaticHostUserRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.staticHostUsers.delete(ctx, r.GetName())
}
