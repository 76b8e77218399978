// accesslists.go is the access_list kind and its service. The message is checked and
// completed by turning it into the official Go type and back. Members, reviews and
// promotions are not served.

package main

import (
	"context"
	"encoding/json"

	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/teleport/api/types/accesslist"
	convert "github.com/gravitational/teleport/api/types/accesslist/convert/v1"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

func accessListKind(b *backend) *kind[*accesslistv1.AccessList] {
	k := newKind[*accesslistv1.AccessList](b, types.KindAccessList, types.V1)
	k.check = checkAccessList
	k.meta = func(m *accesslistv1.AccessList) metadata { return types.Resource153ToLegacy(m.GetHeader()) }
	k.encode = func(m *accesslistv1.AccessList) ([]byte, error) {
		list, err := fromProto(m)
		if err != nil {
			return nil, err
		}
		return json.Marshal(list)
	}
	k.decode = func(body []byte) (*accesslistv1.AccessList, error) {
		list := &accesslist.AccessList{}
		if err := json.Unmarshal(body, list); err != nil {
			return nil, trace.Wrap(err)
		}
		return convert.ToProto(list), nil
	}
	k.event = func(m *accesslistv1.AccessList) (types.Resource, error) { return fromProto(m) }
	return k
}

func fromProto(m *accesslistv1.AccessList) (*accesslist.AccessList, error) {
	// The official conversion expects these two to be there.
	if m.GetHeader().GetMetadata() == nil {
		return nil, trace.BadParameter("header.metadata is missing")
	}
	return convert.FromProto(m, convert.WithOwnersIneligibleStatusField(m.GetSpec().GetOwners()))
}

func checkAccessList(m *accesslistv1.AccessList) error {
	list, err := fromProto(m)
	if err != nil {
		return err
	}
	proto.Reset(m)
	proto.Merge(m, convert.ToProto(list))
	return nil
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
	return &emptypb.Empty{}, s.accessLists.delete(ctx, r.GetName())
}
