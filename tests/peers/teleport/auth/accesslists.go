// accesslists.go serves access lists. Their members are in accesslistmembers.go; reviews and
// promotions are not served.

package main

import (
	"context"

	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/teleport/api/types/accesslist"
	convert "github.com/gravitational/teleport/api/types/accesslist/convert/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

func accessListKind(b *backend) *kind[*accesslistv1.AccessList] {
	from := func(m *accesslistv1.AccessList) (*accesslist.AccessList, error) {
		return convert.FromProto(m, convert.WithOwnersIneligibleStatusField(m.GetSpec().GetOwners()))
	}
	return converted(b, types.KindAccessList, types.V1, from, convert.ToProto)
}

type accessListService struct {
	accesslistv1.UnimplementedAccessListServiceServer
	*kinds
}

func (s *accessListService) GetAccessList(ctx context.Context, r *accesslistv1.GetAccessListRequest) (*accesslistv1.AccessList, error) {
	return s.accessLists.get(ctx, r.GetName())
}

func (s *accessListService) GetAccessLists(ctx context.Context, _ *accesslistv1.GetAccessListsRequest) (*accesslistv1.GetAccessListsResponse, error) {
	lists, err := s.accessLists.list(ctx)
	return &accesslistv1.GetAccessListsResponse{AccessLists: lists}, err
}

func (s *accessListService) ListAccessLists(ctx context.Context, r *accesslistv1.ListAccessListsRequest) (*accesslistv1.ListAccessListsResponse, error) {
	lists, next, err := s.accessLists.page(ctx, r.GetPageSize(), r.GetNextToken())
	return &accesslistv1.ListAccessListsResponse{AccessLists: lists, NextToken: next}, err
}

func (s *accessListService) UpdateAccessList(ctx context.Context, r *accesslistv1.UpdateAccessListRequest) (*accesslistv1.AccessList, error) {
	return s.accessLists.update(ctx, r.GetAccessList())
}

func (s *accessListService) UpsertAccessList(ctx context.Context, r *accesslistv1.UpsertAccessListRequest) (*accesslistv1.AccessList, error) {
	return s.accessLists.upsert(ctx, r.GetAccessList())
}

func (s *accessListService) DeleteAccessList(ctx context.Context, r *accesslistv1.DeleteAccessListRequest) (*emptypb.Empty, error) {
	if err := s.accessLists.delete(ctx, r.GetName()); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, s.dropMembers(ctx, r.GetName())
}
