// Package kubetoken verifies the service account tokens with which pods prove who they
// are. It must not decide whether that service account may join.
package kubetoken

import (
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/gravitational/trace"
)

const (
	// UserPrefix begins the name of every service account's user.
	UserPrefix = "system:serviceaccount:"
	leeway     = 10 * time.Second
	// longest is how long a token may live that is verified without asking its cluster.
	longest = 30 * time.Minute
)

// algorithms are those that a Kubernetes API server signs with.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

type claims struct {
	jwt.Claims
	Kubernetes *struct {
		Pod *struct {
			Name string `json:"name"`
		} `json:"pod"`
	} `json:"kubernetes.io"`
}

// Static verifies a token with the cluster's published keys, and gives its user.
func Static(token, keys, audience string, now time.Time) (string, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return "", trace.Wrap(err, "parsing jwt")
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(keys), &set); err != nil {
		return "", trace.Wrap(err, "parsing provided jwks")
	}
	var c claims
	if err := parsed.Claims(set, &c); err != nil {
		return "", trace.Wrap(err, "validating jwt signature")
	}
	if err := c.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{audience}, Time: now}, leeway); err != nil {
		return "", trace.Wrap(err, "validating jwt claims")
	}
	return c.Subject, c.check()
}

// check asks for what Teleport wants of a token beyond the standard.
func (c claims) check() error {
	const wants = "static_jwks joining requires the use of "
	switch {
	case c.Kubernetes == nil || c.Kubernetes.Pod == nil || c.Kubernetes.Pod.Name == "":
		return trace.BadParameter(wants + "projected pod bound service account token")
	case c.Expiry == nil:
		return trace.BadParameter(wants + "a service account token with `exp`")
	case c.IssuedAt == nil:
		return trace.BadParameter(wants + "a service account token with `iat`")
	case c.Expiry.Time().Sub(c.IssuedAt.Time()) > longest:
		return trace.BadParameter(wants+"a service account token with a TTL of less than %s", longest)
	case !strings.HasPrefix(c.Subject, UserPrefix):
		return trace.BadParameter("%q is no service account", c.Subject)
	}
	return nil
}
