// dbobjectimportrules.go serves database object import rules.

package main

import (
	"context"

	dbobjectimportrulev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/dbobjectimportrule/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

type dbObjectImportRuleService struct {
	dbobjectimportrulev1.UnimplementedDatabaseObjectImportRuleServiceServer
	*kinds
}

func (s *dbObjectImportRuleService) GetDatabaseObjectImportRule(ctx context.Context, r *dbobjectimportrulev1.GetDatabaseObjectImportRuleRequest) (*dbobjectimportrulev1.DatabaseObjectImportRule, error) {
	return s.dbObjectImportRules.get(ctx, r.GetName())
}

func (s *dbObjectImportRuleService) ListDatabaseObjectImportRules(ctx context.Context, r *dbobjectimportrulev1.ListDatabaseObjectImportRulesRequest) (*dbobjectimportrulev1.ListDatabaseObjectImportRulesResponse, error) {
	items, next, err := s.dbObjectImportRules.page(ctx, r.GetPageSize(), r.GetPageToken())
	return &dbobjectimportrulev1.ListDatabaseObjectImportRulesResponse{Rules: items, NextPageToken: next}, err
}

func (s *dbObjectImportRuleService) CreateDatabaseObjectImportRule(ctx context.Context, r *dbobjectimportrulev1.CreateDatabaseObjectImportRuleRequest) (*dbobjectimportrulev1.DatabaseObjectImportRule, error) {
	return s.dbObjectImportRules.create(ctx, r.GetRule())
}

func (s *dbObjectImportRuleService) UpdateDatabaseObjectImportRule(ctx context.Context, r *dbobjectimportrulev1.UpdateDatabaseObjectImportRuleRequest) (*dbobjectimportrulev1.DatabaseObjectImportRule, error) {
	return s.dbObjectImportRules.update(ctx, r.GetRule())
}

func (s *dbObjectImportRuleService) UpsertDatabaseObjectImportRule(ctx context.Context, r *dbobjectimportrulev1.UpsertDatabaseObjectImportRuleRequest) (*dbobjectimportrulev1.DatabaseObjectImportRule, error) {
	return s.dbObjectImportRules.upsert(ctx, r.GetRule())
}

func (s *dbObjectImportRuleService) DeleteDatabaseObjectImportRule(ctx context.Context, r *dbobjectimportrulev1.DeleteDatabaseObjectImportRuleRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.dbObjectImportRules.delete(ctx, r.GetName())
}
