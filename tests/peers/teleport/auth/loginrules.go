// loginrules.go is the login_rule kind, whose message has its fields at the root and
// no kind, and its service. It must not evaluate rules.

package main

import (
	"context"
	"encoding/json"

	loginrulev1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/loginrule/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/types/known/emptypb"
)

func loginRuleKind(b *backend) *kind[*loginrulev1.LoginRule] {
	k := newKind[*loginrulev1.LoginRule](b, types.KindLoginRule, types.V1)
	k.check = checkLoginRule
	k.meta = func(m *loginrulev1.LoginRule) metadata { return m.GetMetadata() }
	// The module has no JSON form of a login rule but the fields of its struct.
	k.encode = func(m *loginrulev1.LoginRule) ([]byte, error) { return json.Marshal(m) }
	k.decode = func(body []byte) (*loginrulev1.LoginRule, error) {
		m := &loginrulev1.LoginRule{}
		return m, json.Unmarshal(body, m)
	}
	return k
}

func checkLoginRule(m *loginrulev1.LoginRule) error {
	if m.GetMetadata() == nil {
		return trace.BadParameter("missing metadata")
	}
	if err := expect("version", m.GetVersion(), types.V1); err != nil {
		return err
	}
	return m.GetMetadata().CheckAndSetDefaults()
}

type loginRuleService struct {
	loginrulev1.UnimplementedLoginRuleServiceServer
	*kinds
}

func (s *loginRuleService) GetLoginRule(ctx context.Context, r *loginrulev1.GetLoginRuleRequest) (*loginrulev1.LoginRule, error) {
	return s.loginRules.get(ctx, r.GetName())
}

func (s *loginRuleService) ListLoginRules(ctx context.Context, r *loginrulev1.ListLoginRulesRequest) (*loginrulev1.ListLoginRulesResponse, error) {
	rules, next, err := s.loginRules.page(ctx, r.GetPageSize(), r.GetPageToken())
	return &loginrulev1.ListLoginRulesResponse{LoginRules: rules, NextPageToken: next}, err
}

func (s *loginRuleService) CreateLoginRule(ctx context.Context, r *loginrulev1.CreateLoginRuleRequest) (*loginrulev1.LoginRule, error) {
	return s.loginRules.create(ctx, r.GetLoginRule())
}

func (s *loginRuleService) UpsertLoginRule(ctx context.Context, r *loginrulev1.UpsertLoginRuleRequest) (*loginrulev1.LoginRule, error) {
	return s.loginRules.upsert(ctx, r.GetLoginRule())
}

func (s *loginRuleService) DeleteLoginRule(ctx context.Context, r *loginrulev1.DeleteLoginRuleRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.loginRules.delete(ctx, r.GetName())
}
