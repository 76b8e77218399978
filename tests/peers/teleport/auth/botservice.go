// botservice.go serves bots over gRPC: permissions and requests. What a bot is made of,
// bots.go knows.

package main

import (
	"context"

	machineidv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/machineid/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

type botService struct {
	machineidv1.UnimplementedBotServiceServer
	bots
}

func (s *botService) allow(ctx context.Context, verbs ...string) error {
	return s.access.check(ctx, []string{types.KindBot}, verbs...)
}

func (s *botService) GetBot(ctx context.Context, r *machineidv1.GetBotRequest) (*machineidv1.Bot, error) {
	if err := s.allow(ctx, types.VerbReadNoSecrets); err != nil {
		return nil, err
	}
	if r.GetBotName() == "" {
		return nil, trace.BadParameter("bot_name: must be non-empty")
	}
	bot, err := s.read(s.users.cache, r.GetBotName())
	return bot, trace.Wrap(err, "fetching bot")
}

func (s *botService) ListBots(ctx context.Context, r *machineidv1.ListBotsRequest) (*machineidv1.ListBotsResponse, error) {
	if err := s.allow(ctx, types.VerbList); err != nil {
		return nil, err
	}
	all, err := s.readAll(s.users.cache)
	if err != nil {
		return nil, err
	}
	page, next := paginate(all, r.GetPageSize(), r.GetPageToken(), func(b *machineidv1.Bot) string { return b.GetMetadata().GetName() })
	return &machineidv1.ListBotsResponse{Bots: page, NextPageToken: next}, nil
}

func (s *botService) CreateBot(ctx context.Context, r *machineidv1.CreateBotRequest) (*machineidv1.Bot, error) {
	if err := s.allow(ctx, types.VerbCreate); err != nil {
		return nil, err
	}
	return s.create(ctx, r.GetBot())
}

func (s *botService) UpsertBot(ctx context.Context, r *machineidv1.UpsertBotRequest) (*machineidv1.Bot, error) {
	if err := s.allow(ctx, types.VerbCreate, types.VerbUpdate); err != nil {
		return nil, err
	}
	return s.upsert(ctx, r.GetBot())
}

// UpdateBot changes the fields of the mask, of which Teleport knows two here.
func (s *botService) UpdateBot(ctx context.Context, r *machineidv1.UpdateBotRequest) (*machineidv1.Bot, error) {
	if err := s.allow(ctx, types.VerbUpdate); err != nil {
		return nil, err
	}
	if err := checkBot(r.GetBot()); err != nil {
		return nil, err
	}
	if len(r.GetUpdateMask().GetPaths()) == 0 {
		return nil, trace.BadParameter("update_mask.paths: must be non-empty")
	}
	bot, err := s.read(s.users.store, r.GetBot().GetMetadata().GetName())
	if err != nil {
		return nil, err
	}
	for _, path := range r.GetUpdateMask().GetPaths() {
		switch path {
		case "spec.roles":
			bot.Spec.Roles = r.GetBot().GetSpec().GetRoles()
		case "spec.traits":
			bot.Spec.Traits = r.GetBot().GetSpec().GetTraits()
		default:
			return nil, trace.BadParameter("update_mask: unsupported path %q", path)
		}
	}
	return s.upsert(ctx, bot)
}

func (s *botService) DeleteBot(ctx context.Context, r *machineidv1.DeleteBotRequest) (*emptypb.Empty, error) {
	if err := s.allow(ctx, types.VerbDelete); err != nil {
		return nil, err
	}
	if r.GetBotName() == "" {
		return nil, trace.BadParameter("bot_name: must be non-empty")
	}
	return &emptypb.Empty{}, s.remove(ctx, r.GetBotName())
}
