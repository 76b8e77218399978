// authservice.go serves the kinds of the old AuthService: roles, tokens, connectors
// and nodes; its users are in users.go, its watch in watch.go and its greeting in
// ping.go. What is not here answers UNIMPLEMENTED.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/defaults"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

type authService struct {
	proto.UnimplementedAuthServiceServer
	*kinds
	cache *cache
	about *about
	table map[string]anyKind
}

func (s *authService) GetRole(ctx context.Context, r *proto.GetRoleRequest) (*types.RoleV6, error) {
	return s.roles.get(ctx, r.Name)
}

func (s *authService) ListRoles(ctx context.Context, r *proto.ListRolesRequest) (*proto.ListRolesResponse, error) {
	all, err := s.roles.list(ctx)
	if err != nil {
		return nil, err
	}
	if r.Filter != nil {
		all = filtered(all, r.Filter.Match)
	}
	roles, next := paginate(all, r.Limit, r.StartKey, (*types.RoleV6).GetName)
	return &proto.ListRolesResponse{Roles: roles, NextKey: next}, nil
}

func (s *authService) CreateRole(ctx context.Context, r *proto.CreateRoleRequest) (*types.RoleV6, error) {
	return s.roles.create(ctx, r.Role)
}

func (s *authService) UpdateRole(ctx context.Context, r *proto.UpdateRoleRequest) (*types.RoleV6, error) {
	return s.roles.update(ctx, r.Role)
}

func (s *authService) UpsertRoleV2(ctx context.Context, r *proto.UpsertRoleRequest) (*types.RoleV6, error) {
	return s.roles.upsert(ctx, r.Role)
}

func (s *authService) UpsertRole(ctx context.Context, r *types.RoleV6) (*emptypb.Empty, error) {
	_, err := s.roles.upsert(ctx, r)
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteRole(ctx context.Context, r *proto.DeleteRoleRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.roles.delete(ctx, r.Name)
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

func (s *authService) GetGithubConnector(ctx context.Context, r *types.ResourceWithSecretsRequest) (*types.GithubConnectorV3, error) {
	connector, err := s.github.getWith(ctx, r.Name, secretsVerb(r.WithSecrets))
	if err == nil && !r.WithSecrets {
		connector.SetClientSecret("")
	}
	return connector, err
}

func (s *authService) GetGithubConnectors(ctx context.Context, r *types.ResourcesWithSecretsRequest) (*types.GithubConnectorV3List, error) {
	connectors, err := s.github.listWith(ctx, secretsVerb(r.WithSecrets))
	if !r.WithSecrets {
		for _, connector := range connectors {
			connector.SetClientSecret("")
		}
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

// secretsVerb is the verb that reading a resource with or without its secrets needs.
func secretsVerb(secrets bool) string {
	if secrets {
		return types.VerbRead
	}
	return types.VerbReadNoSecrets
}

func (s *authService) GetNode(ctx context.Context, r *types.ResourceInNamespaceRequest) (*types.ServerV2, error) {
	if err := checkNamespace(r.Namespace); err != nil {
		return nil, err
	}
	return s.nodes.get(ctx, r.Name)
}

func (s *authService) UpsertNode(ctx context.Context, r *types.ServerV2) (*types.KeepAlive, error) {
	// A keep-alive only has content for a node that expires.
	_, err := s.nodes.upsert(ctx, r)
	return &types.KeepAlive{}, err
}

func (s *authService) DeleteNode(ctx context.Context, r *types.ResourceInNamespaceRequest) (*emptypb.Empty, error) {
	if err := checkNamespace(r.Namespace); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, s.nodes.delete(ctx, r.Name)
}

// checkNamespace refuses all but the one namespace that Teleport still has.
func checkNamespace(namespace string) error {
	if namespace != defaults.Namespace {
		return trace.BadParameter("cannot place node in namespace %q, custom namespaces are deprecated", namespace)
	}
	return nil
}

// ListResources serves nodes only. Of its filters, the labels are applied; the others
// are refused, since to ignore them would give a wrong list.
func (s *authService) ListResources(ctx context.Context, r *proto.ListResourcesRequest) (*proto.ListResourcesResponse, error) {
	if r.ResourceType != types.KindNode {
		return nil, trace.NotImplemented("resource type %q is not served here", r.ResourceType)
	}
	if r.PredicateExpression != "" || len(r.SearchKeywords) > 0 || r.SortBy.Field != "" {
		return nil, trace.NotImplemented("expressions, keywords and sorting are not served here")
	}
	all, err := s.nodes.list(ctx)
	if err != nil {
		return nil, err
	}
	all = filtered(all, func(n *types.ServerV2) bool { return types.MatchLabels(n, r.Labels) })
	nodes, next := paginate(all, r.Limit, r.StartKey, (*types.ServerV2).GetName)
	response := &proto.ListResourcesResponse{NextKey: next, TotalCount: int32(len(all))}
	for _, node := range nodes {
		response.Resources = append(response.Resources, &proto.PaginatedResource{Resource: &proto.PaginatedResource_Node{Node: node}})
	}
	return response, nil
}
