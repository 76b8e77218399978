// joinkubernetes.go checks the proof of the join method of that name: a service account's
// token, and the rules of the join token that it must match.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"

	"teleport-operator/tests/peers/teleport/kubetoken"
)

func (j *joining) proveKubernetes(ctx context.Context, token *types.ProvisionTokenV2, proof string) error {
	spec := token.Spec.Kubernetes
	user, err := j.kubernetesUser(ctx, spec, proof)
	if err != nil {
		return err
	}
	for _, rule := range spec.Allow {
		if user == kubetoken.UserPrefix+rule.ServiceAccount {
			return nil
		}
	}
	return trace.AccessDenied("kubernetes token did not match any allow rules")
}

func (j *joining) kubernetesUser(ctx context.Context, spec *types.ProvisionTokenSpecV2Kubernetes, proof string) (string, error) {
	switch spec.Type {
	case types.KubernetesJoinTypeStaticJWKS:
		user, err := kubetoken.Static(proof, spec.StaticJWKS.JWKS, j.cluster.Name, j.cluster.Now())
		return user, trace.Wrap(err, "reviewing kubernetes token with static_jwks")
	case types.KubernetesJoinTypeInCluster, types.KubernetesJoinTypeUnspecified:
		// Newer ones take a token for the cluster's name too.
		var audiences []string
		if j.profile.attributes {
			audiences = []string{j.cluster.Name}
		}
		user, err := j.reviewer().Review(ctx, proof, audiences...)
		return user, trace.Wrap(err, "reviewing kubernetes token with in_cluster")
	}
	return "", trace.BadParameter("unsupported kubernetes join type %q", spec.Type)
}
