// accessmonitoring.go serves access monitoring rules; nothing monitors by them.

package main

import (
	"context"

	accessmonitoringrulesv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accessmonitoringrules/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

type accessMonitoringService struct {
	accessmonitoringrulesv1.UnimplementedAccessMonitoringRulesServiceServer
	*kinds
}

func (s *accessMonitoringService) GetAccessMonitoringRule(ctx context.Context, r *accessmonitoringrulesv1.GetAccessMonitoringRuleRequest) (*accessmonitoringrulesv1.AccessMonitoringRule, error) {
	return s.accessMonitoringRules.get(ctx, r.GetName())
}

func (s *accessMonitoringService) ListAccessMonitoringRules(ctx context.Context, r *accessmonitoringrulesv1.ListAccessMonitoringRulesRequest) (*accessmonitoringrulesv1.ListAccessMonitoringRulesResponse, error) {
	items, next, err := s.accessMonitoringRules.page(ctx, int32(r.GetPageSize()), r.GetPageToken())
	return &accessmonitoringrulesv1.ListAccessMonitoringRulesResponse{Rules: items, NextPageToken: next}, err
}

func (s *accessMonitoringService) CreateAccessMonitoringRule(ctx context.Context, r *accessmonitoringrulesv1.CreateAccessMonitoringRuleRequest) (*accessmonitoringrulesv1.AccessMonitoringRule, error) {
	return s.accessMonitoringRules.create(ctx, r.GetRule())
}

func (s *accessMonitoringService) UpdateAccessMonitoringRule(ctx context.Context, r *accessmonitoringrulesv1.UpdateAccessMonitoringRuleRequest) (*accessmonitoringrulesv1.AccessMonitoringRule, error) {
	return s.accessMonitoringRules.update(ctx, r.GetRule())
}

func (s *accessMonitoringService) UpsertAccessMonitoringRule(ctx context.Context, r *accessmonitoringrulesv1.UpsertAccessMonitoringRuleRequest) (*accessmonitoringrulesv1.AccessMonitoringRule, error) {
	return s.accessMonitoringRules.upsert(ctx, r.GetRule())
}

func (s *accessMonitoringService) DeleteAccessMonitoringRule(ctx context.Context, r *accessmonitoringrulesv1.DeleteAccessMonitoringRuleRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.accessMonitoringRules.delete(ctx, r.GetName())
}
