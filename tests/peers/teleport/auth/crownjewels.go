// crownjewels.go serves crown jewels.

package main

import (
	"context"

	crownjewelv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/crownjewel/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

type crownJewelService struct {
	crownjewelv1.UnimplementedCrownJewelServiceServer
	*kinds
}

func (s *crownJewelService) GetCrownJewel(ctx context.Context, r *crownjewelv1.GetCrownJewelRequest) (*crownjewelv1.CrownJewel, error) {
	return s.crownJewels.get(ctx, r.GetName())
}

func (s *crownJewelService) ListCrownJewels(ctx context.Context, r *crownjewelv1.ListCrownJewelsRequest) (*crownjewelv1.ListCrownJewelsResponse, error) {
	items, next, err := s.crownJewels.page(ctx, int32(r.GetPageSize()), r.GetPageToken())
	return &crownjewelv1.ListCrownJewelsResponse{CrownJewels: items, NextPageToken: next}, err
}

func (s *crownJewelService) CreateCrownJewel(ctx context.Context, r *crownjewelv1.CreateCrownJewelRequest) (*crownjewelv1.CrownJewel, error) {
	return s.crownJewels.create(ctx, r.GetCrownJewel())
}

func (s *crownJewelService) UpdateCrownJewel(ctx context.Context, r *crownjewelv1.UpdateCrownJewelRequest) (*crownjewelv1.CrownJewel, error) {
	return s.crownJewels.update(ctx, r.GetCrownJewel())
}

func (s *crownJewelService) UpsertCrownJewel(ctx context.Context, r *crownjewelv1.UpsertCrownJewelRequest) (*crownjewelv1.CrownJewel, error) {
	return s.crownJewels.upsert(ctx, r.GetCrownJewel())
}

func (s *crownJewelService) DeleteCrownJewel(ctx context.Context, r *crownjewelv1.DeleteCrownJewelRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.crownJewels.delete(ctx, r.GetName())
}
