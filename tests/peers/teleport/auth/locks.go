// locks.go serves locks, and says who is locked out by them: a user, or whoever has a role.

package main

import (
	"context"
	"slices"
	"time"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"

	"teleport-operator/tests/peers/teleport/pki"
)

// lockOf is a lock in force for the subject, nil if there is none.
func (k *kinds) lockOf(s pki.Subject) (*types.LockV2, error) {
	locks, err := k.locks.readAll(k.locks.store)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, lock := range locks {
		target := lock.Target()
		hit := target.User != "" && target.User == s.User || target.Role != "" && slices.Contains(s.Roles, target.Role)
		if hit && lock.IsInForce(now) {
			return lock, nil
		}
	}
	return nil, nil
}

// bar refuses subjects that are locked out, and those of bots that are gone. Why, it does
// not say (observed on Teleport 14).
func (k *kinds) bar(s pki.Subject) error {
	lock, err := k.lockOf(s)
	if err != nil {
		return err
	}
	if lock != nil {
		return trace.AccessDenied("access denied")
	}
	if s.Impersonator == "" && s.PrivateKeyPolicy == "" {
		// The operator's identity file is of a user that is not stored.
		return nil
	}
	if _, err := k.users.read(k.users.store, s.User); err != nil {
		return trace.AccessDenied("access denied")
	}
	return nil
}

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
