// workloadidentities.go serves workload identities as resources; none is ever issued.

package main

import (
	"context"

	workloadidentityv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/workloadidentity/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

type workloadIdentityService struct {
	workloadidentityv1.UnimplementedWorkloadIdentityResourceServiceServer
	*kinds
}

func (s *workloadIdentityService) GetWorkloadIdentity(ctx context.Context, r *workloadidentityv1.GetWorkloadIdentityRequest) (*workloadidentityv1.WorkloadIdentity, error) {
	return s.workloadIdentities.get(ctx, r.GetName())
}

func (s *workloadIdentityService) ListWorkloadIdentities(ctx context.Context, r *workloadidentityv1.ListWorkloadIdentitiesRequest) (*workloadidentityv1.ListWorkloadIdentitiesResponse, error) {
	items, next, err := s.workloadIdentities.page(ctx, r.GetPageSize(), r.GetPageToken())
	return &workloadidentityv1.ListWorkloadIdentitiesResponse{WorkloadIdentities: items, NextPageToken: next}, err
}

func (s *workloadIdentityService) CreateWorkloadIdentity(ctx context.Context, r *workloadidentityv1.CreateWorkloadIdentityRequest) (*workloadidentityv1.WorkloadIdentity, error) {
	return s.workloadIdentities.create(ctx, r.GetWorkloadIdentity())
}

func (s *workloadIdentityService) UpdateWorkloadIdentity(ctx context.Context, r *workloadidentityv1.UpdateWorkloadIdentityRequest) (*workloadidentityv1.WorkloadIdentity, error) {
	return s.workloadIdentities.update(ctx, r.GetWorkloadIdentity())
}

func (s *workloadIdentityService) UpsertWorkloadIdentity(ctx context.Context, r *workloadidentityv1.UpsertWorkloadIdentityRequest) (*workloadidentityv1.WorkloadIdentity, error) {
	return s.workloadIdentities.upsert(ctx, r.GetWorkloadIdentity())
}

func (s *workloadIdentityService) DeleteWorkloadIdentity(ctx context.Context, r *workloadidentityv1.DeleteWorkloadIdentityRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.workloadIdentities.delete(ctx, r.GetName())
}
