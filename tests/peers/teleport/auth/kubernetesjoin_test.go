// kubernetesjoin_test.go checks the proof by a service account's token, signed here with the
// claims that an API server writes. With tokens of a real one, the product's tests join.

package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// kubernetesToken makes a join token with those keys for the service account.
func (p *running) kubernetesToken(name, keys, account string) {
	p.tell(http.MethodPut, "/resource/token/"+name, map[string]any{
		"kind": "token", "version": "v2", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"roles": []string{"Bot"}, "bot_name": "operator", "join_method": "kubernetes",
			"kubernetes": map[string]any{
				"type": "static_jwks", "static_jwks": map[string]any{"jwks": keys},
				"allow": []any{map[string]any{"service_account": account}},
			},
		},
	}, nil)
}

type signer struct{ key *rsa.PrivateKey }

func newSigner(t *testing.T) *signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key}
}

func (s *signer) keys(t *testing.T) string {
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), KeyID: "one", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// token signs good claims with some of them changed; nil takes one out.
func (s *signer) token(t *testing.T, changed map[string]any) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:default:operator",
		"aud": []string{"test.example.com"}, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		"kubernetes.io": map[string]any{"namespace": "default", "pod": map[string]any{"name": "pod-1"}},
	}
	for name, value := range changed {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	with, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: s.key, KeyID: "one"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(with).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheProofOfAPod(t *testing.T) {
	p := serveJoining(t, "18")
	s := newSigner(t)
	p.kubernetesToken("pods", s.keys(t), "default:operator")
	b := newBot(p)
	join := endpoints(b)[viaProxyHTTP]
	for range 2 {
		if err := join("pods", s.token(t, nil)); err != nil {
			t.Fatalf("joining can be repeated: %v", err)
		}
	}
	now := time.Now()
	for name, c := range map[string]struct {
		token, want string
	}{
		"another audience":  {s.token(t, map[string]any{"aud": []string{"https://kubernetes.default.svc"}}), "invalid audience claim (aud)"},
		"another account":   {s.token(t, map[string]any{"sub": "system:serviceaccount:default:other"}), "did not match any allow rules"},
		"no pod":            {s.token(t, map[string]any{"kubernetes.io": nil}), "projected pod bound service account token"},
		"expired":           {s.token(t, map[string]any{"exp": now.Add(-time.Minute).Unix()}), "token is expired (exp)"},
		"no expiry":         {s.token(t, map[string]any{"exp": nil}), "with `exp`"},
		"not issued":        {s.token(t, map[string]any{"iat": nil}), "with `iat`"},
		"too long":          {s.token(t, map[string]any{"exp": now.Add(time.Hour).Unix()}), "with a TTL of less than 30m0s"},
		"of another issuer": {newSigner(t).token(t, nil), "validating jwt signature"},
		"garbage":           {"garbage", "parsing jwt"},
		"none":              {"", "parsing jwt"},
	} {
		if err := join("pods", c.token); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	var log []joinEntry
	p.tell(http.MethodGet, "/joins", nil, &log)
	if len(log) != 12 || log[0].Error != "" || log[0].Method != "kubernetes" || log[0].Generation != 1 || log[11].Error == "" {
		t.Fatalf("the log has %+v", log)
	}
}
