// connectors.go serves the sign-on connectors. Nothing of the identity provider is asked, so a
// connector with a wrong address is accepted, unlike on a real server.

package main

import (
	"context"
	"fmt"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

// secretive is a resource that can be shown without its secrets.
type secretive interface {
	legacyMessage
	WithoutSecrets() types.Resource
}

func connectorKind[M secretive](b *backend, name, version string) *kind[M] {
	k := legacy[M](b, name, version)
	k.rules = []string{types.KindAuthConnector, name}
	k.path = fmt.Sprintf("/web/connectors/%s/connectors/%%s", name)
	k.absent = says(trace.NotFound, name+` connector "%v" is not configured`)
	k.gone = says(trace.NotFound, fmt.Sprintf("key /web/connectors/%s/connectors/%%v is not found", name))
	k.taken = says(trace.AlreadyExists, name+` connector "%v" already exists`)
	k.event = nil
	return k
}

// secretsVerb is the verb that reading a resource with or without its secrets needs.
func secretsVerb(secrets bool) string {
	if secrets {
		return types.VerbRead
	}
	return types.VerbReadNoSecrets
}

func reveal[M secretive](m M, secrets bool) M {
	if secrets {
		return m
	}
	// The official types return their own type here.
	return m.WithoutSecrets().(M)
}

func (s *authService) GetGithubConnector(ctx context.Context, r *types.ResourceWithSecretsRequest) (*types.GithubConnectorV3, error) {
	connector, err := s.github.getWith(ctx, r.Name, secretsVerb(r.WithSecrets))
	if err != nil {
		return nil, err
	}
	return reveal(connector, r.WithSecrets), nil
}

func (s *authService) GetGithubConnectors(ctx context.Context, r *types.ResourcesWithSecretsRequest) (*types.GithubConnectorV3List, error) {
	connectors, err := s.github.listWith(ctx, secretsVerb(r.WithSecrets))
	for i := range connectors {
		connectors[i] = reveal(connectors[i], r.WithSecrets)
	}
	return &types.GithubConnectorV3List{GithubConnectors: connectors}, err
}

func (s *authService) CreateGithubConnector(ctx context.Context, r *proto.CreateGithubConnectorRequest) (*types.GithubConnectorV3, error) {
	return s.github.create(ctx, r.Connector)
}

func (s *authService) UpdateGithubConnector(ctx context.Context, r *proto.UpdateGithubConnectorRequest) (*types.GithubConnectorV3, error) {
	return s.github.update(ctx, r.Connector)
}

func (s *authService) UpsertGithubConnectorV2(ctx context.Context, r *proto.UpsertGithubConnectorRequest) (*types.GithubConnectorV3, error) {
	return s.github.upsert(ctx, r.Connector)
}

func (s *authService) UpsertGithubConnector(ctx context.Context, r *types.GithubConnectorV3) (*emptypb.Empty, error) {
	_, err := s.github.upsert(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteGithubConnector(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.github.delete(ctx, r.Name)
}

func (s *authService) GetOIDCConnector(ctx context.Context, r *types.ResourceWithSecretsRequest) (*types.OIDCConnectorV3, error) {
	connector, err := s.oidc.getWith(ctx, r.Name, secretsVerb(r.WithSecrets))
	if err != nil {
		return nil, err
	}
	return reveal(connector, r.WithSecrets), nil
}

func (s *authService) GetOIDCConnectors(ctx context.Context, r *types.ResourcesWithSecretsRequest) (*types.OIDCConnectorV3List, error) {
	connectors, err := s.oidc.listWith(ctx, secretsVerb(r.WithSecrets))
	for i := range connectors {
		connectors[i] = reveal(connectors[i], r.WithSecrets)
	}
	return &types.OIDCConnectorV3List{OIDCConnectors: connectors}, err
}

func (s *authService) CreateOIDCConnector(ctx context.Context, r *proto.CreateOIDCConnectorRequest) (*types.OIDCConnectorV3, error) {
	return s.oidc.create(ctx, r.Connector)
}

func (s *authService) UpdateOIDCConnector(ctx context.Context, r *proto.UpdateOIDCConnectorRequest) (*types.OIDCConnectorV3, error) {
	return s.oidc.update(ctx, r.Connector)
}

func (s *authService) UpsertOIDCConnectorV2(ctx context.Context, r *proto.UpsertOIDCConnectorRequest) (*types.OIDCConnectorV3, error) {
	return s.oidc.upsert(ctx, r.Connector)
}

func (s *authService) UpsertOIDCConnector(ctx context.Context, r *types.OIDCConnectorV3) (*emptypb.Empty, error) {
	_, err := s.oidc.upsert(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteOIDCConnector(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.oidc.delete(ctx, r.Name)
}

func (s *authService) GetSAMLConnector(ctx context.Context, r *types.ResourceWithSecretsRequest) (*types.SAMLConnectorV2, error) {
	connector, err := s.saml.getWith(ctx, r.Name, secretsVerb(r.WithSecrets))
	if err != nil {
		return nil, err
	}
	return reveal(connector, r.WithSecrets), nil
}

func (s *authService) GetSAMLConnectors(ctx context.Context, r *types.ResourcesWithSecretsRequest) (*types.SAMLConnectorV2List, error) {
	connectors, err := s.saml.listWith(ctx, secretsVerb(r.WithSecrets))
	for i := range connectors {
		connectors[i] = reveal(connectors[i], r.WithSecrets)
	}
	return &types.SAMLConnectorV2List{SAMLConnectors: connectors}, err
}

func (s *authService) CreateSAMLConnector(ctx context.Context, r *proto.CreateSAMLConnectorRequest) (*types.SAMLConnectorV2, error) {
	return s.saml.create(ctx, r.Connector)
}

func (s *authService) UpdateSAMLConnector(ctx context.Context, r *proto.UpdateSAMLConnectorRequest) (*types.SAMLConnectorV2, error) {
	return s.saml.update(ctx, r.Connector)
}

func (s *authService) UpsertSAMLConnectorV2(ctx context.Context, r *proto.UpsertSAMLConnectorRequest) (*types.SAMLConnectorV2, error) {
	return s.saml.upsert(ctx, r.Connector)
}

func (s *authService) UpsertSAMLConnector(ctx context.Context, r *types.SAMLConnectorV2) (*emptypb.Empty, error) {
	_, err := s.saml.upsert(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteSAMLConnector(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.saml.delete(ctx, r.Name)
}
