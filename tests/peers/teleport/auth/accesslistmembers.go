// accesslistmembers.go serves the members of access lists, whose names are unique in
// their list only. They go when their list goes.

package main

import (
	"context"

	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/teleport/api/types/accesslist"
	convert "github.com/gravitational/teleport/api/types/accesslist/convert/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

func accessListMemberKind(b *backend) *kind[*accesslistv1.Member] {
	from := func(m *accesslistv1.Member) (*accesslist.AccessListMember, error) {
		return convert.FromMemberProto(m, convert.WithMemberIneligibleStatusField(m))
	}
	k := converted(b, types.KindAccessListMember, types.V1, from, convert.ToMemberProto)
	// The permission of a list is that of its members.
	k.rules = []string{types.KindAccessList}
	k.within = func(m *accesslistv1.Member) string { return m.GetSpec().GetAccessList() }
	return k
}

func memberTitle(list, member string) string { return list + "/" + member }

// dropMembers deletes all members of a list.
func (k *kinds) dropMembers(ctx context.Context, list string) error {
	members, err := k.accessListMembers.readAll(k.accessListMembers.store)
	if err != nil {
		return err
	}
	for _, m := range membersOf(members, list) {
		if err := k.accessListMembers.drop(ctx, k.accessListMembers.title(m)); err != nil {
			return err
		}
	}
	return nil
}

func membersOf(all []*accesslistv1.Member, list string) []*accesslistv1.Member {
	return filtered(all, func(m *accesslistv1.Member) bool { return m.GetSpec().GetAccessList() == list })
}

func (s *accessListService) GetAccessListMember(ctx context.Context, r *accesslistv1.GetAccessListMemberRequest) (*accesslistv1.Member, error) {
	return s.accessListMembers.get(ctx, memberTitle(r.GetAccessList(), r.GetMemberName()))
}

func (s *accessListService) ListAccessListMembers(ctx context.Context, r *accesslistv1.ListAccessListMembersRequest) (*accesslistv1.ListAccessListMembersResponse, error) {
	all, err := s.accessListMembers.list(ctx)
	if err != nil {
		return nil, err
	}
	page, next := paginate(membersOf(all, r.GetAccessList()), r.GetPageSize(), r.GetPageToken(), s.accessListMembers.title)
	return &accesslistv1.ListAccessListMembersResponse{Members: page, NextPageToken: next}, nil
}

func (s *accessListService) ListAllAccessListMembers(ctx context.Context, r *accesslistv1.ListAllAccessListMembersRequest) (*accesslistv1.ListAllAccessListMembersResponse, error) {
	page, next, err := s.accessListMembers.page(ctx, r.GetPageSize(), r.GetPageToken())
	return &accesslistv1.ListAllAccessListMembersResponse{Members: page, NextPageToken: next}, err
}

func (s *accessListService) UpsertAccessListMember(ctx context.Context, r *accesslistv1.UpsertAccessListMemberRequest) (*accesslistv1.Member, error) {
	return s.accessListMembers.upsert(ctx, r.GetMember())
}

func (s *accessListService) UpdateAccessListMember(ctx context.Context, r *accesslistv1.UpdateAccessListMemberRequest) (*accesslistv1.Member, error) {
	return s.accessListMembers.update(ctx, r.GetMember())
}

func (s *accessListService) DeleteAccessListMember(ctx context.Context, r *accesslistv1.DeleteAccessListMemberRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.accessListMembers.delete(ctx, memberTitle(r.GetAccessList(), r.GetMemberName()))
}
