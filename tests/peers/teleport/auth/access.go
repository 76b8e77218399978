// access.go decides whether a caller may do something, from the rules and labels of
// the roles in its certificate as the store has them. It must not know what a kind
// does. Rules with a "where" condition count as if the condition held.

package main

import (
	"context"
	"slices"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
)

type access struct {
	// role reads a role; a missing one is an error.
	role func(name string) (types.Role, error)
}

// check refuses the call unless its roles give every verb on one of the kinds. As
// Teleport's, the error names each verb that is missing.
func (a *access) check(ctx context.Context, kinds []string, verbs ...string) error {
	c := callOf(ctx)
	if c.trusted {
		return nil
	}
	roles := a.roles(c)
	var refused []error
	for _, verb := range verbs {
		if !slices.ContainsFunc(kinds, func(kind string) bool { return permits(roles, kind, verb) }) {
			refused = append(refused, trace.AccessDenied("access denied to perform action %q on %q", verb, kinds[len(kinds)-1]))
		}
	}
	return trace.NewAggregate(refused...)
}

// matches says whether the labels of a resource are within the caller's roles.
func (a *access) matches(ctx context.Context, kind string, resource any) bool {
	c := callOf(ctx)
	if c.trusted {
		return true
	}
	labelled, ok := resource.(types.ResourceWithLabels)
	if !ok {
		return false
	}
	allowed := false
	for _, role := range a.roles(c) {
		if selects(role, types.Deny, kind, labelled) {
			return false
		}
		allowed = allowed || selects(role, types.Allow, kind, labelled)
	}
	return allowed
}

func (a *access) roles(c call) []types.Role {
	var roles []types.Role
	for _, name := range c.roles {
		if role, err := a.role(name); err == nil {
			roles = append(roles, role)
		}
	}
	return roles
}

func permits(roles []types.Role, kind, verb string) bool {
	has := func(condition types.RoleConditionType) bool {
		return slices.ContainsFunc(roles, func(r types.Role) bool {
			return slices.ContainsFunc(r.GetRules(condition), func(rule types.Rule) bool { return covers(rule, kind, verb) })
		})
	}
	return has(types.Allow) && !has(types.Deny)
}

func covers(rule types.Rule, kind, verb string) bool {
	return (rule.HasResource(kind) || rule.HasResource(types.Wildcard)) &&
		(rule.HasVerb(verb) || rule.HasVerb(types.Wildcard))
}

// selects says whether the role's label selector for the kind fits the resource.
// Label expressions and regular expressions are not evaluated.
func selects(role types.Role, condition types.RoleConditionType, kind string, resource types.ResourceWithLabels) bool {
	matchers, err := role.GetLabelMatchers(condition, kind)
	if err != nil || len(matchers.Labels) == 0 {
		return false
	}
	for name, values := range matchers.Labels {
		if name == types.Wildcard && slices.Contains(values, types.Wildcard) {
			return true
		}
		value, ok := resource.GetLabel(name)
		if !ok || !(slices.Contains(values, types.Wildcard) || slices.Contains(values, value)) {
			return false
		}
	}
	return true
}
