// bots.go makes bots of what Teleport stores for them: a user and a role, both named
// bot-<name>. So a bot has no revision, its labels are the user's, and what this API
// version does not know (scope, maximum session time) is lost. Calls and permissions
// are not its business.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	headerv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/header/v1"
	machineidv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/machineid/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// botSessionTTL is the session length of a bot's role, as Teleport sets it.
const botSessionTTL = 12 * time.Hour

// bots is the bot kind: a view of users and roles.
type bots struct{ *kinds }

// botName is the name of a bot's user and role.
func botName(name string) string {
	return "bot-" + strings.ReplaceAll(name, " ", "-")
}

// read puts a bot together.
func (b bots) read(from reader, name string) (*machineidv1.Bot, error) {
	user, err := b.users.read(from, botName(name))
	if err != nil {
		return nil, trace.Wrap(err, "fetching bot user")
	}
	role, err := b.roles.read(from, botName(name))
	if err != nil {
		return nil, trace.Wrap(err, "fetching bot role")
	}
	return botOf(user, role)
}

// readAll skips users that are no bots, or bots without their role, as Teleport does.
func (b bots) readAll(from reader) ([]*machineidv1.Bot, error) {
	users, err := b.users.readAll(from)
	if err != nil {
		return nil, err
	}
	var all []*machineidv1.Bot
	for _, user := range users {
		role, err := b.roles.read(from, user.GetName())
		if err != nil {
			continue
		}
		if bot, err := botOf(user, role); err == nil {
			all = append(all, bot)
		}
	}
	return all, nil
}

// create stores the user before the role, so that a name in use is found first.
func (b bots) create(ctx context.Context, bot *machineidv1.Bot) (*machineidv1.Bot, error) {
	return b.save(ctx, bot, b.users.ifAbsent, b.roles.ifAbsent, "creating")
}

func (b bots) upsert(ctx context.Context, bot *machineidv1.Bot) (*machineidv1.Bot, error) {
	return b.save(ctx, bot, always, always, "upserting")
}

func (b bots) save(ctx context.Context, bot *machineidv1.Bot, user, role func(string, string) guard, verb string) (*machineidv1.Bot, error) {
	if err := checkBot(bot); err != nil {
		return nil, trace.Wrap(err, "validating bot")
	}
	u, r, err := partsOf(bot, callOf(ctx).user)
	if err != nil {
		return nil, trace.Wrap(err, "converting to resources")
	}
	if err := b.users.validate(u); err != nil {
		return nil, err
	}
	if err := b.users.save(ctx, u, user); err != nil {
		return nil, trace.Wrap(err, "%s bot user", verb)
	}
	if err := b.roles.save(ctx, r, role); err != nil {
		return nil, trace.Wrap(err, "%s bot role", verb)
	}
	return botOf(u, r)
}

// remove deletes the user before the role, which is in use until then.
func (b bots) remove(ctx context.Context, name string) error {
	user, err := b.users.read(b.users.store, botName(name))
	if err != nil {
		return err
	}
	if label, _ := user.GetLabel(types.BotLabel); label != name {
		return trace.BadParameter("user missing bot label matching bot name; consider manually deleting user")
	}
	return trace.NewAggregate(
		trace.Wrap(b.users.remove(ctx, botName(name)), "deleting bot user"),
		trace.Wrap(b.roles.remove(ctx, botName(name)), "deleting bot role"),
	)
}

func checkBot(bot *machineidv1.Bot) error {
	switch {
	case bot == nil:
		return trace.BadParameter("bot: must be non-nil")
	case bot.GetMetadata() == nil:
		return trace.BadParameter("metadata: must be non-nil")
	case bot.GetMetadata().GetName() == "":
		return trace.BadParameter("metadata.name: must be non-empty")
	case bot.GetSpec() == nil:
		return trace.BadParameter("spec: must be non-nil")
	case slices.Contains(bot.GetSpec().GetRoles(), ""):
		return trace.BadParameter("spec.roles: must not contain empty strings")
	}
	return nil
}

func botOf(user *types.UserV2, role *types.RoleV6) (*machineidv1.Bot, error) {
	name, ok := user.GetLabel(types.BotLabel)
	if !ok {
		return nil, trace.BadParameter("user missing bot label")
	}
	labels := maps.Clone(user.GetMetadata().Labels)
	delete(labels, types.BotLabel)
	delete(labels, types.BotGenerationLabel)
	bot := &machineidv1.Bot{
		Kind:     types.KindBot,
		Version:  types.V1,
		Metadata: &headerv1.Metadata{Name: name, Description: user.GetMetadata().Description, Labels: labels},
		Spec:     &machineidv1.BotSpec{Roles: role.GetImpersonateConditions(types.Allow).Roles},
		Status:   &machineidv1.BotStatus{UserName: user.GetName(), RoleName: role.GetName()},
	}
	traits := user.GetTraits()
	for _, key := range slices.Sorted(maps.Keys(traits)) {
		if len(traits[key]) > 0 {
			bot.Spec.Traits = append(bot.Spec.Traits, &machineidv1.Trait{Name: key, Values: traits[key]})
		}
	}
	return bot, nil
}

func partsOf(bot *machineidv1.Bot, creator string) (*types.UserV2, *types.RoleV6, error) {
	name := bot.GetMetadata().GetName()
	role := &types.RoleV6{
		Version: types.V7,
		Metadata: types.Metadata{
			Name:        botName(name),
			Description: fmt.Sprintf("Automatically generated role for bot %s", name),
			Labels:      map[string]string{types.BotLabel: name},
		},
		Spec: types.RoleSpecV6{
			Options: types.RoleOptions{MaxSessionTTL: types.NewDuration(botSessionTTL)},
			Allow: types.RoleConditions{
				Rules:       []types.Rule{types.NewRule(types.KindCertAuthority, []string{types.VerbReadNoSecrets})},
				Impersonate: &types.ImpersonateConditions{Roles: bot.GetSpec().GetRoles()},
			},
		},
	}
	labels := map[string]string{}
	maps.Copy(labels, bot.GetMetadata().GetLabels())
	labels[types.BotLabel] = name
	labels[types.BotGenerationLabel] = "0"
	user := &types.UserV2{
		Metadata: types.Metadata{Name: botName(name), Description: bot.GetMetadata().GetDescription(), Labels: labels},
		Spec: types.UserSpecV2{
			Roles:     []string{botName(name)},
			Traits:    traitsOf(bot),
			CreatedBy: types.CreatedBy{User: types.UserRef{Name: creator}, Time: time.Now().UTC()},
		},
	}
	return user, role, trace.NewAggregate(role.CheckAndSetDefaults(), user.CheckAndSetDefaults())
}

func traitsOf(bot *machineidv1.Bot) map[string][]string {
	traits := map[string][]string{}
	for _, t := range bot.GetSpec().GetTraits() {
		if len(t.GetValues()) > 0 {
			traits[t.GetName()] = append(traits[t.GetName()], t.GetValues()...)
		}
	}
	return traits
}

func (b bots) kindName() string { return types.KindBot }

func (b bots) dump() (map[string]record, error) {
	all, err := b.readAll(b.users.store)
	if err != nil {
		return nil, err
	}
	found := map[string]record{}
	for _, bot := range all {
		// It is made anew each time, and is to be the same as long as nothing changes.
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(bot)
		if err != nil {
			return nil, trace.Wrap(err)
		}
		text, err := json.Marshal(types.ProtoResource153ToLegacy(bot))
		if err != nil {
			return nil, trace.Wrap(err)
		}
		found[bot.GetMetadata().GetName()] = record{JSON: text, Type: string(bot.ProtoReflect().Descriptor().FullName()), Value: value}
	}
	return found, nil
}

func (b bots) drop(ctx context.Context, name string) error { return b.remove(ctx, name) }

func (b bots) putJSON(ctx context.Context, name string, body []byte) error {
	bot := &machineidv1.Bot{}
	if err := protojson.Unmarshal(body, bot); err != nil {
		return trace.BadParameter("%v", err)
	}
	if err := expect("name", bot.GetMetadata().GetName(), name); err != nil {
		return err
	}
	_, err := b.upsert(ctx, bot)
	return err
}

// A bot is watched as its user and role; there is no event for it.
func (b bots) watchable() bool { return false }

func (b bots) toEvent(change) (types.Event, error) {
	return types.Event{}, trace.BadParameter("bots have no events")
}
