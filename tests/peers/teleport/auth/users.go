// users.go serves users, over their own service and the older calls of AuthService.
// Secrets of users are neither stored nor served.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/client/proto"
	usersv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/users/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

func userKind(b *backend) *kind[*types.UserV2] {
	k := legacy[*types.UserV2](b, types.KindUser, types.V2)
	k.path = "/web/users/%s/params"
	k.absent = says(trace.NotFound, `user "%v" is not found`)
	k.gone = k.absent
	k.taken = says(trace.AlreadyExists, `user "%v" already registered`)
	k.sought = true
	return k
}

type usersService struct {
	usersv1.UnimplementedUsersServiceServer
	*kinds
}

// errSecrets is the answer to everyone but Teleport's own services.
var errSecrets = trace.AccessDenied("this request can be only executed by an admin")

func (s *usersService) GetUser(ctx context.Context, r *usersv1.GetUserRequest) (*usersv1.GetUserResponse, error) {
	if r.GetWithSecrets() {
		return nil, errSecrets
	}
	user, err := s.users.get(ctx, r.GetName())
	return &usersv1.GetUserResponse{User: user}, err
}

func (s *usersService) ListUsers(ctx context.Context, r *usersv1.ListUsersRequest) (*usersv1.ListUsersResponse, error) {
	if r.GetWithSecrets() {
		return nil, errSecrets
	}
	all, err := s.users.list(ctx)
	if err != nil {
		return nil, err
	}
	if filter := r.GetFilter(); filter != nil {
		all = filtered(all, filter.Match)
	}
	users, next := paginate(all, r.GetPageSize(), r.GetPageToken(), (*types.UserV2).GetName)
	return &usersv1.ListUsersResponse{Users: users, NextPageToken: next}, nil
}

func (s *usersService) CreateUser(ctx context.Context, r *usersv1.CreateUserRequest) (*usersv1.CreateUserResponse, error) {
	user, err := s.users.create(ctx, r.GetUser())
	return &usersv1.CreateUserResponse{User: user}, err
}

// UpdateUser always keeps who created the user, whatever the request says.
func (s *usersService) UpdateUser(ctx context.Context, r *usersv1.UpdateUserRequest) (*usersv1.UpdateUserResponse, error) {
	user, err := s.users.update(ctx, s.keepCreator(r.GetUser()))
	return &usersv1.UpdateUserResponse{User: user}, err
}

func (s *usersService) UpsertUser(ctx context.Context, r *usersv1.UpsertUserRequest) (*usersv1.UpsertUserResponse, error) {
	user, err := s.users.upsert(ctx, r.GetUser())
	return &usersv1.UpsertUserResponse{User: user}, err
}

func (s *usersService) DeleteUser(ctx context.Context, r *usersv1.DeleteUserRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.users.delete(ctx, r.GetName())
}

func (s *authService) GetUser(ctx context.Context, r *proto.GetUserRequest) (*types.UserV2, error) {
	if r.WithSecrets {
		return nil, errSecrets
	}
	return s.users.get(ctx, r.Name)
}

func (s *authService) GetUsers(r *proto.GetUsersRequest, stream proto.AuthService_GetUsersServer) error {
	if r.WithSecrets {
		return errSecrets
	}
	users, err := s.users.list(stream.Context())
	if err != nil {
		return err
	}
	for _, user := range users {
		if err := stream.Send(user); err != nil {
			return err
		}
	}
	return nil
}

func (s *authService) CreateUser(ctx context.Context, r *types.UserV2) (*emptypb.Empty, error) {
	_, err := s.users.create(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) UpdateUser(ctx context.Context, r *types.UserV2) (*emptypb.Empty, error) {
	_, err := s.users.update(ctx, s.keepCreator(r))
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteUser(ctx context.Context, r *proto.DeleteUserRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.users.delete(ctx, r.Name)
}

// keepCreator gives user the creator that the existing one has.
func (k *kinds) keepCreator(user *types.UserV2) *types.UserV2 {
	if user == nil {
		return nil
	}
	if old, err := k.users.read(k.users.store, user.GetName()); err == nil {
		user.SetCreatedBy(old.GetCreatedBy())
	}
	return user
}

func filtered[M any](all []M, match func(M) bool) []M {
	var some []M
	for _, m := range all {
		if match(m) {
			some = append(some, m)
		}
	}
	return some
}
