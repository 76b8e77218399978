// generation.go counts how often a bot's certificate was renewed, and locks a bot whose
// certificate is older than the count: somebody else has a newer one.

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"

	"teleport-operator/tests/peers/teleport/pki"
)

// instance is one bot that runs somewhere, from its first join on.
type instance struct {
	user, method string
	generation   uint64
}

// step is what a join or a renewal leads to.
type step struct {
	instance   string
	generation uint64
}

// enter counts a join. Presented is the certificate with which it was asked for, if any.
func (j *joining) enter(ctx context.Context, user *types.UserV2, method string, presented pki.Subject) (step, error) {
	if !j.profile.instances {
		return j.enterOld(ctx, user, method)
	}
	if presented.BotInstance == "" || presented.User != user.GetName() {
		id := uuid.NewString()
		j.instances[id] = &instance{user: user.GetName(), method: method, generation: 1}
		return step{id, 1}, j.label(ctx, user, 1)
	}
	return j.advance(ctx, user, presented)
}

// enterOld is a first join before there were instances: the user's label is the count.
func (j *joining) enterOld(ctx context.Context, user *types.UserV2, method string) (step, error) {
	stored := generationOf(user)
	if method == string(types.JoinMethodToken) {
		if stored > 0 {
			return step{}, trace.BadParameter("user %q has already been issued a renewable certificate and cannot be issued another; consider deleting and recreating the bot", user.GetName())
		}
		return step{generation: 1}, j.label(ctx, user, 1)
	}
	if stored > 0 {
		return step{}, j.mismatch(ctx, user.GetName(), stored, 0)
	}
	return step{}, nil
}

// renew counts a renewal.
func (j *joining) renew(ctx context.Context, user *types.UserV2, presented pki.Subject) (step, error) {
	if j.profile.instances {
		return j.advance(ctx, user, presented)
	}
	stored := generationOf(user)
	if stored != presented.Generation {
		return step{}, j.mismatch(ctx, user.GetName(), stored, presented.Generation)
	}
	return step{generation: stored + 1}, j.label(ctx, user, stored+1)
}

// advance is the next generation of the instance that is presented.
func (j *joining) advance(ctx context.Context, user *types.UserV2, presented pki.Subject) (step, error) {
	if presented.Generation == 0 {
		return step{}, trace.AccessDenied("a current identity generation must be provided")
	}
	known, ok := j.instances[presented.BotInstance]
	if !ok || known.user != user.GetName() {
		return step{}, trace.NotFound("bot_instance %q is not found", presented.BotInstance)
	}
	// Only who can renew without joining can be robbed of it.
	if known.generation != presented.Generation && known.method == string(types.JoinMethodToken) {
		return step{}, j.mismatch(ctx, user.GetName(), known.generation, presented.Generation)
	}
	known.generation = presented.Generation + 1
	return step{presented.BotInstance, known.generation}, j.label(ctx, user, known.generation)
}

// mismatch locks the user for good.
func (j *joining) mismatch(ctx context.Context, user string, stored, presented uint64) error {
	lock, err := types.NewLock(uuid.NewString(), types.LockSpecV2{
		Target:    types.LockTarget{User: user},
		Message:   fmt.Sprintf("The bot user %q has been locked due to a certificate generation mismatch, possibly indicating a stolen certificate.", user),
		CreatedAt: time.Now().UTC(),
	})
	if err != nil {
		return trace.Wrap(err)
	}
	if err := j.locks.save(withCall(ctx, call{method: joinMethod, trusted: true}), lock.(*types.LockV2), always); err != nil {
		return err
	}
	return trace.AccessDenied("renewable cert generation mismatch: stored=%d, presented=%d", stored, presented)
}

func generationOf(user *types.UserV2) uint64 {
	label, _ := user.GetLabel(types.BotGenerationLabel)
	// No label, or none that is a number, is a bot that never joined.
	n, _ := strconv.ParseUint(label, 10, 64)
	return n
}

// label writes the generation where older versions look for it.
func (j *joining) label(ctx context.Context, user *types.UserV2, generation uint64) error {
	labels := user.GetMetadata().Labels
	labels[types.BotGenerationLabel] = strconv.FormatUint(generation, 10)
	return j.users.save(withCall(ctx, call{method: joinMethod, trusted: true}), user, always)
}
