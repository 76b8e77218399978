// joinservice.go is joining by the older gRPC service, from version 17 on, at the auth
// server only.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
)

type joinService struct {
	proto.UnimplementedJoinServiceServer
	joining *joining
}

// RegisterUsingToken lets a bot in.
func (s *joinService) RegisterUsingToken(ctx context.Context, r *types.RegisterUsingTokenRequest) (*proto.Certs, error) {
	if !s.joining.profile.registerUsingToken {
		return s.UnimplementedJoinServiceServer.RegisterUsingToken(ctx, r)
	}
	certificates, err := s.joining.join(ctx, viaRegister, r)
	if err != nil {
		return nil, err
	}
	return certificates.legacy(), nil
}
