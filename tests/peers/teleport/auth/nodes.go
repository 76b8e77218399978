// nodes.go serves the nodes that people register: the OpenSSH sub-kinds. Agents, which
// register themselves with an expiry, are not kept alive.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/defaults"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

// serverKind is a kind of servers, which share one message and differ in its kind field.
func serverKind(b *backend, name string) *kind[*types.ServerV2] {
	k := legacy[*types.ServerV2](b, name, types.V2)
	official := k.check
	k.check = func(m *types.ServerV2) error {
		if err := official(m); err != nil {
			return err
		}
		return expect("kind", m.GetKind(), name)
	}
	return k
}

func nodeKind(b *backend) *kind[*types.ServerV2] {
	k := serverKind(b, types.KindNode)
	k.path = "/nodes/default/%s"
	k.absent = says(trace.NotFound, "key /nodes/default/%v is not found")
	k.gone = k.absent
	k.labelled = true
	return k
}

func (s *authService) GetNode(ctx context.Context, r *types.ResourceInNamespaceRequest) (*types.ServerV2, error) {
	if err := checkNamespace(r.Namespace); err != nil {
		return nil, err
	}
	return s.nodes.get(ctx, r.Name)
}

func (s *authService) UpsertNode(ctx context.Context, r *types.ServerV2) (*types.KeepAlive, error) {
	if err := checkNamespace(r.GetNamespace()); err != nil {
		return nil, err
	}
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
