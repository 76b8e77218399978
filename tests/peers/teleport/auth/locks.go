// locks.go serves locks; nobody is locked out by them.

package main

import (
	"context"
	"slices"
	"time"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/protobuf/types/known/emptypb"
)

func (s *authService) GetLock(ctx context.Context, r *proto.GetLockRequest) (*types.LockV2, error) {
	return s.locks.get(ctx, r.Name)
}

func (s *authService) GetLocks(ctx context.Context, r *proto.GetLocksRequest) (*proto.GetLocksResponse, error) {
	locks, err := s.locks.list(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	locks = filtered(locks, func(lock *types.LockV2) bool {
		return (!r.InForceOnly || lock.IsInForce(now)) && concerns(lock, r.Targets)
	})
	return &proto.GetLocksResponse{Locks: locks}, nil
}

// concerns says whether a lock has one of the targets; no targets are all.
func concerns(lock *types.LockV2, targets []*types.LockTarget) bool {
	return len(targets) == 0 || slices.ContainsFunc(targets, func(t *types.LockTarget) bool { return t.Match(lock) })
}

func (s *authService) UpsertLock(ctx context.Context, r *types.LockV2) (*emptypb.Empty, error) {
	_, err := s.locks.upsert(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteLock(ctx context.Context, r *proto.DeleteLockRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.locks.delete(ctx, r.Name)
}
