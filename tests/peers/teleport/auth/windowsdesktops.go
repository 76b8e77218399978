// windowsdesktops.go serves dynamic Windows desktops.

package main

import (
	"context"

	dynamicwindowsv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/dynamicwindows/v1"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/protobuf/types/known/emptypb"
)

type dynamicWindowsService struct {
	dynamicwindowsv1.UnimplementedDynamicWindowsServiceServer
	*kinds
}

func (s *dynamicWindowsService) GetDynamicWindowsDesktop(ctx context.Context, r *dynamicwindowsv1.GetDynamicWindowsDesktopRequest) (*types.DynamicWindowsDesktopV1, error) {
	return s.windowsDesktops.get(ctx, r.GetName())
}

func (s *dynamicWindowsService) ListDynamicWindowsDesktops(ctx context.Context, r *dynamicwindowsv1.ListDynamicWindowsDesktopsRequest) (*dynamicwindowsv1.ListDynamicWindowsDesktopsResponse, error) {
	items, next, err := s.windowsDesktops.page(ctx, r.GetPageSize(), r.GetPageToken())
	return &dynamicwindowsv1.ListDynamicWindowsDesktopsResponse{Desktops: items, NextPageToken: next}, err
}

func (s *dynamicWindowsService) CreateDynamicWindowsDesktop(ctx context.Context, r *dynamicwindowsv1.CreateDynamicWindowsDesktopRequest) (*types.DynamicWindowsDesktopV1, error) {
	return s.windowsDesktops.create(ctx, r.GetDesktop())
}

func (s *dynamicWindowsService) UpdateDynamicWindowsDesktop(ctx context.Context, r *dynamicwindowsv1.UpdateDynamicWindowsDesktopRequest) (*types.DynamicWindowsDesktopV1, error) {
	return s.windowsDesktops.update(ctx, r.GetDesktop())
}

func (s *dynamicWindowsService) UpsertDynamicWindowsDesktop(ctx context.Context, r *dynamicwindowsv1.UpsertDynamicWindowsDesktopRequest) (*types.DynamicWindowsDesktopV1, error) {
	return s.windowsDesktops.upsert(ctx, r.GetDesktop())
}

func (s *dynamicWindowsService) DeleteDynamicWindowsDesktop(ctx context.Context, r *dynamicwindowsv1.DeleteDynamicWindowsDesktopRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.windowsDesktops.delete(ctx, r.GetName())
}
