// references.go is what Teleport checks between kinds: a user's roles and a member's
// list must exist, and a role in use may not be deleted. All of it is decided on the store, never the cache.

package main

import (
	"context"
	"slices"
	"time"

	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
)

// prepareUser refuses unknown roles and fills in who created the user.
func (k *kinds) prepareUser(ctx context.Context, user *types.UserV2) error {
	for _, role := range user.GetRoles() {
		if _, err := k.roles.read(k.roles.store, role); err != nil {
			return err
		}
	}
	if created := user.GetCreatedBy(); created.IsEmpty() {
		user.SetCreatedBy(types.CreatedBy{User: types.UserRef{Name: callOf(ctx).user}, Time: time.Now().UTC()})
	}
	return nil
}

// prepareMember refuses a member of a list that is not there.
func (k *kinds) prepareMember(_ context.Context, member *accesslistv1.Member) error {
	_, err := k.accessLists.read(k.accessLists.store, member.GetSpec().GetAccessList())
	return err
}

// releaseRole refuses to delete a role that a user or an access list names.
func (k *kinds) releaseRole(name string) error {
	users, err := k.users.readAll(k.users.store)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(users, func(u *types.UserV2) bool { return slices.Contains(u.GetRoles(), name) }) {
		return trace.BadParameter("failed to delete a role that is still in use by a user, check the system server logs for more details")
	}
	lists, err := k.accessLists.readAll(k.accessLists.store)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(lists, func(l *accesslistv1.AccessList) bool { return slices.Contains(rolesOf(l), name) }) {
		return trace.BadParameter("failed to delete a role that is still in use by an access list, check the system server logs for more details")
	}
	return nil
}

func rolesOf(list *accesslistv1.AccessList) []string {
	spec := list.GetSpec()
	return slices.Concat(
		spec.GetGrants().GetRoles(), spec.GetOwnerGrants().GetRoles(),
		spec.GetMembershipRequires().GetRoles(), spec.GetOwnershipRequires().GetRoles(),
	)
}
