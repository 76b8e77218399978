// tokens.go serves provision tokens, whose names may be secrets. What joins with them, joining.go
// knows.

package main

import (
	"context"
	"strings"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

func tokenKind(b *backend) *kind[*types.ProvisionTokenV2] {
	k := legacy[*types.ProvisionTokenV2](b, types.KindToken, types.V2)
	k.path = "/tokens/%s"
	k.absent = func(name string) error {
		return trace.NotFound("provisioning token(%s) not found", masked(name))
	}
	k.gone = k.absent
	k.taken = func(name string) error {
		return trace.AlreadyExists("provisioning token(%s) already exists", masked(name))
	}
	return k
}

// masked hides the first three quarters of a token's name, which may be a secret.
func masked(name string) string {
	hidden := len(name) * 3 / 4
	return strings.Repeat("*", hidden) + name[hidden:]
}

func (s *authService) GetToken(ctx context.Context, r *types.ResourceRequest) (*types.ProvisionTokenV2, error) {
	return s.tokens.get(ctx, r.Name)
}

func (s *authService) GetTokens(ctx context.Context, _ *emptypb.Empty) (*types.ProvisionTokenV2List, error) {
	tokens, err := s.tokens.list(ctx)
	return &types.ProvisionTokenV2List{ProvisionTokens: tokens}, err
}

func (s *authService) CreateTokenV2(ctx context.Context, r *proto.CreateTokenV2Request) (*emptypb.Empty, error) {
	_, err := s.tokens.create(ctx, r.GetV2())
	return &emptypb.Empty{}, err
}

func (s *authService) UpsertTokenV2(ctx context.Context, r *proto.UpsertTokenV2Request) (*emptypb.Empty, error) {
	_, err := s.tokens.upsert(ctx, r.GetV2())
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteToken(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.tokens.delete(ctx, r.Name)
}
