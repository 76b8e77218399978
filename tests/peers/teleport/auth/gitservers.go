// gitservers.go serves Git servers, which share their message with nodes.

package main

import (
	"context"

	gitserverv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/gitserver/v1"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/protobuf/types/known/emptypb"
)

type gitServerService struct {
	gitserverv1.UnimplementedGitServerServiceServer
	*kinds
}

func (s *gitServerService) GetGitServer(ctx context.Context, r *gitserverv1.GetGitServerRequest) (*types.ServerV2, error) {
	return s.gitServers.get(ctx, r.GetName())
}

func (s *gitServerService) ListGitServers(ctx context.Context, r *gitserverv1.ListGitServersRequest) (*gitserverv1.ListGitServersResponse, error) {
	items, next, err := s.gitServers.page(ctx, r.GetPageSize(), r.GetPageToken())
	return &gitserverv1.ListGitServersResponse{Servers: items, NextPageToken: next}, err
}

func (s *gitServerService) CreateGitServer(ctx context.Context, r *gitserverv1.CreateGitServerRequest) (*types.ServerV2, error) {
	return s.gitServers.create(ctx, r.GetServer())
}

func (s *gitServerService) UpdateGitServer(ctx context.Context, r *gitserverv1.UpdateGitServerRequest) (*types.ServerV2, error) {
	return s.gitServers.update(ctx, r.GetServer())
}

func (s *gitServerService) UpsertGitServer(ctx context.Context, r *gitserverv1.UpsertGitServerRequest) (*types.ServerV2, error) {
	return s.gitServers.upsert(ctx, r.GetServer())
}

func (s *gitServerService) DeleteGitServer(ctx context.Context, r *gitserverv1.DeleteGitServerRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.gitServers.delete(ctx, r.GetName())
}
