// dynamic.go serves what agents proxy and people may register while they run: apps,
// databases and Kubernetes clusters. Nothing is proxied.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

// dynamicKind is a kind that callers need matching labels for, also to write, and whose
// update ignores the revision.
func dynamicKind[M legacyMessage](b *backend, name, version, noun string) *kind[M] {
	k := legacy[M](b, name, version)
	k.labelled = true
	k.unconditional = true
	k.prepare = func(ctx context.Context, m M) error {
		if !b.access.matches(ctx, name, m) {
			return trace.AccessDenied("access to %s denied", noun)
		}
		return nil
	}
	k.absent = says(trace.NotFound, noun+` "%v" doesn't exist`)
	k.gone = k.absent
	k.taken = says(trace.AlreadyExists, noun+` "%v" already exists`)
	return k
}

// dynamic marks a resource without an origin as made over the API.
func dynamic[M types.ResourceWithOrigin](m M) M {
	if m.Origin() == "" {
		m.SetOrigin(types.OriginDynamic)
	}
	return m
}

func (s *authService) GetApp(ctx context.Context, r *types.ResourceRequest) (*types.AppV3, error) {
	return s.apps.get(ctx, r.Name)
}

func (s *authService) GetApps(ctx context.Context, _ *emptypb.Empty) (*types.AppV3List, error) {
	items, err := s.apps.list(ctx)
	return &types.AppV3List{Apps: items}, err
}

func (s *authService) CreateApp(ctx context.Context, r *types.AppV3) (*emptypb.Empty, error) {
	_, err := s.apps.create(ctx, dynamic(r))
	return &emptypb.Empty{}, err
}

func (s *authService) UpdateApp(ctx context.Context, r *types.AppV3) (*emptypb.Empty, error) {
	_, err := s.apps.update(ctx, dynamic(r))
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteApp(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.apps.delete(ctx, r.Name)
}

func (s *authService) GetDatabase(ctx context.Context, r *types.ResourceRequest) (*types.DatabaseV3, error) {
	return s.databases.get(ctx, r.Name)
}

func (s *authService) GetDatabases(ctx context.Context, _ *emptypb.Empty) (*types.DatabaseV3List, error) {
	items, err := s.databases.list(ctx)
	return &types.DatabaseV3List{Databases: items}, err
}

func (s *authService) CreateDatabase(ctx context.Context, r *types.DatabaseV3) (*emptypb.Empty, error) {
	_, err := s.databases.create(ctx, dynamic(r))
	return &emptypb.Empty{}, err
}

func (s *authService) UpdateDatabase(ctx context.Context, r *types.DatabaseV3) (*emptypb.Empty, error) {
	_, err := s.databases.update(ctx, dynamic(r))
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteDatabase(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.databases.delete(ctx, r.Name)
}

func (s *authService) GetKubernetesCluster(ctx context.Context, r *types.ResourceRequest) (*types.KubernetesClusterV3, error) {
	return s.kubeClusters.get(ctx, r.Name)
}

func (s *authService) GetKubernetesClusters(ctx context.Context, _ *emptypb.Empty) (*types.KubernetesClusterV3List, error) {
	items, err := s.kubeClusters.list(ctx)
	return &types.KubernetesClusterV3List{KubernetesClusters: items}, err
}

func (s *authService) CreateKubernetesCluster(ctx context.Context, r *types.KubernetesClusterV3) (*emptypb.Empty, error) {
	_, err := s.kubeClusters.create(ctx, dynamic(r))
	return &emptypb.Empty{}, err
}

func (s *authService) UpdateKubernetesCluster(ctx context.Context, r *types.KubernetesClusterV3) (*emptypb.Empty, error) {
	_, err := s.kubeClusters.update(ctx, dynamic(r))
	return &emptypb.Empty{}, err
}

func (s *authService) DeleteKubernetesCluster(ctx context.Context, r *types.ResourceRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.kubeClusters.delete(ctx, r.Name)
}
