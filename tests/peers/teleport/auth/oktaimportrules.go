// oktaimportrules.go serves Okta import rules; nothing is imported by them.

package main

import (
	"context"

	oktav1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/okta/v1"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/protobuf/types/known/emptypb"
)

type oktaService struct {
	oktav1.UnimplementedOktaServiceServer
	*kinds
}

func (s *oktaService) GetOktaImportRule(ctx context.Context, r *oktav1.GetOktaImportRuleRequest) (*types.OktaImportRuleV1, error) {
	return s.oktaImportRules.get(ctx, r.GetName())
}

func (s *oktaService) ListOktaImportRules(ctx context.Context, r *oktav1.ListOktaImportRulesRequest) (*oktav1.ListOktaImportRulesResponse, error) {
	items, next, err := s.oktaImportRules.page(ctx, r.GetPageSize(), r.GetPageToken())
	return &oktav1.ListOktaImportRulesResponse{ImportRules: items, NextPageToken: next}, err
}

func (s *oktaService) CreateOktaImportRule(ctx context.Context, r *oktav1.CreateOktaImportRuleRequest) (*types.OktaImportRuleV1, error) {
	return s.oktaImportRules.create(ctx, r.GetImportRule())
}

func (s *oktaService) UpdateOktaImportRule(ctx context.Context, r *oktav1.UpdateOktaImportRuleRequest) (*types.OktaImportRuleV1, error) {
	return s.oktaImportRules.update(ctx, r.GetImportRule())
}

func (s *oktaService) DeleteOktaImportRule(ctx context.Context, r *oktav1.DeleteOktaImportRuleRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.oktaImportRules.delete(ctx, r.GetName())
}
