// roles.go serves roles. Who may not delete one, references.go says.

package main

import (
	"context"
	"slices"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

func roleKind(b *backend) *kind[*types.RoleV6] {
	k := legacy[*types.RoleV6](b, types.KindRole, types.V7)
	k.path = "/roles/%s/params"
	k.absent = says(trace.NotFound, "role %v is not found")
	k.gone = k.absent
	k.taken = says(trace.AlreadyExists, "role %v already exists")
	return k
}

func (s *authService) GetRole(ctx context.Context, r *proto.GetRoleRequest) (*types.RoleV6, error) {
	// Everyone may read the roles that they have (observed on Teleport 14).
	if slices.Contains(callOf(ctx).roles, r.Name) {
		return s.roles.read(s.cache, r.Name)
	}
	return s.roles.get(ctx, r.Name)
}

func (s *authService) ListRoles(ctx context.Context, r *proto.ListRolesRequest) (*proto.ListRolesResponse, error) {
	if r.Filter == nil {
		roles, next, err := s.roles.page(ctx, r.Limit, r.StartKey)
		return &proto.ListRolesResponse{Roles: roles, NextKey: next}, err
	}
	all, err := s.roles.list(ctx)
	if err != nil {
		return nil, err
	}
	all = filtered(all, r.Filter.Match)
	roles, next := paginate(all, r.Limit, r.StartKey, (*types.RoleV6).GetName)
	return &proto.ListRolesResponse{Roles: roles, NextKey: next}, nil
}

func (s *authService) CreateRole(ctx context.Context, r *proto.CreateRoleRequest) (*types.RoleV6, error) {
	return s.roles.create(ctx, r.Role)
}

func (s *authService) UpdateRole(ctx context.Context, r *proto.UpdateRoleRequest) (*types.RoleV6, error) {
	return s.roles.update(ctx, r.Role)
}

func (s *authService) UpsertRoleV2(ctx context.Context, r *proto.UpsertRoleRequest) (*types.RoleV6, error) {
	return s.roles.upsert(ctx, r.Role)
}

func (s *authService) UpsertRole(ctx context.Context, r *types.RoleV6) (*emptypb.Empty, error) {
	_, err := s.roles.upsert(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteRole(ctx context.Context, r *proto.DeleteRoleRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.roles.delete(ctx, r.Name)
}
