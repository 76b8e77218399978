// join_test.go checks that bots join by every endpoint that a profile has, and by no other,
// and that the official client then works over every route.

package main

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/gravitational/teleport/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func protoName(name string) protoreflect.Name { return protoreflect.Name(name) }

// endpoints are all ways to join.
func endpoints(b *bot) map[string]func(token, proof string) error {
	proxyGRPC := b.webTLS()
	proxyGRPC.NextProtos = []string{"teleport-proxy-grpc", "h2"}
	return map[string]func(token, proof string) error{
		viaProxyHTTP: func(token, proof string) error {
			return b.overHTTP(b.webTLS(), "https://"+b.Proxy+"/v1/webapi/host/credentials", token, proof)
		},
		viaAuthHTTP: func(token, proof string) error {
			return b.overHTTP(anonymous(), "https://"+b.Auth+"/v2/tokens/register", token, proof)
		},
		viaRegister:  b.register,
		viaAuthJoin:  func(token, proof string) error { return b.joinV1(b.dial(b.Auth, anonymous()), token, proof) },
		viaProxyJoin: func(token, proof string) error { return b.joinV1(b.dial(b.Proxy, proxyGRPC), token, proof) },
	}
}

// expected says which endpoints a profile has for a method.
var expected = map[string]map[string]string{
	"15":   {"token": "proxy-http auth-http", "kubernetes": "proxy-http auth-http"},
	"16":   {"token": "proxy-http auth-http", "kubernetes": "proxy-http auth-http"},
	"17":   {"token": "proxy-http auth-http auth-register", "kubernetes": "proxy-http auth-http auth-register"},
	"18":   {"token": "proxy-http auth-register", "kubernetes": "proxy-http auth-register"},
	"18.3": {"token": "proxy-http auth-register auth-join proxy-join", "kubernetes": "proxy-http auth-register"},
	"18.5": {"token": "proxy-http auth-register auth-join proxy-join", "kubernetes": "proxy-http auth-register auth-join proxy-join"},
	"19":   {"token": "proxy-http auth-register auth-join proxy-join", "kubernetes": "proxy-http auth-register auth-join proxy-join"},
	"20":   {"token": "auth-join proxy-join", "kubernetes": "auth-join proxy-join"},
}

func TestJoinByEveryEndpoint(t *testing.T) {
	for profile, methods := range expected {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			p := serveJoining(t, profile)
			signer := newSigner(t)
			p.kubernetesToken("pods", signer.keys(t), "default:operator")
			for method, there := range methods {
				b := newBot(p)
				for endpoint, join := range endpoints(b) {
					// Up to version 15 a bot that joined by a token can't join again, by any.
					p.recreateBot()
					token := "pods"
					if method == "token" {
						token = "secret"
						p.joinToken(token)
					}
					err := join(token, signer.token(t, nil))
					if has := strings.Contains(" "+there+" ", " "+endpoint+" "); has != (err == nil) {
						t.Errorf("%s by %s: there is one: %v, got %v", method, endpoint, has, err)
					}
					if err == nil {
						b.use(method)
					}
				}
			}
		})
	}
}

// use does with the certificate what bots do, over every route.
func (b *bot) use(method string) {
	b.t.Helper()
	for _, way := range []route{direct, byALPN, upgraded} {
		c, err := b.connect(way, b.certs.TLS)
		if err != nil {
			b.t.Fatalf("%s: %v", way, err)
		}
		own, err := c.GetRole(b.t.Context(), "bot-operator")
		if err != nil {
			b.t.Fatalf("%s: %v", way, err)
		}
		certs, err := b.impersonate(c, own.GetImpersonateConditions(types.Allow).Roles...)
		if err != nil {
			b.t.Fatalf("%s: %v", way, err)
		}
		acting, err := b.connect(way, certs.TLS)
		if err != nil {
			b.t.Fatalf("%s: %v", way, err)
		}
		if _, err := acting.UpsertRole(b.t.Context(), role(b.t, "made")); err != nil {
			b.t.Fatalf("%s: %v", way, err)
		}
		_, err = b.impersonate(acting, operatorRole)
		wantError(b.t, err, codes.PermissionDenied, "access denied: identity is not allowed to reissue certificates")
		renewed, err := b.renew(c)
		if err != nil {
			b.t.Fatalf("%s: renewal: %v", way, err)
		}
		if method == "token" {
			b.certs.TLS = renewed.TLS
		}
	}
}

// recreateBot makes the bot anew.
func (p *running) recreateBot() {
	p.tell(http.MethodDelete, "/resource/bot/operator", nil, nil)
	p.tell(http.MethodPut, "/resource/bot/operator", map[string]any{
		"metadata": map[string]any{"name": "operator"},
		"spec":     map[string]any{"roles": []string{operatorRole}},
	}, nil)
}

func TestRefusalsOverHTTP(t *testing.T) {
	p := serveJoining(t, "15")
	p.joinToken("secret")
	b := newBot(p)
	url := "https://" + p.Proxy + "/webapi/host/credentials"
	for name, c := range map[string]struct {
		body, kind string
		code       int
		message    string
	}{
		"no content type":  {`{}`, "", 400, `invalid request`},
		"bad base64":       {`{"role":"Bot","token":"secret","public_tls_key":"*"}`, "application/json", 400, `request: illegal base64 data at input byte 0`},
		"truncated":        {`{`, "application/json", 400, `request: unexpected end of JSON input`},
		"no token":         {`{"role":"Bot"}`, "application/json", 400, `missing parameter Token`},
		"not a bot":        {`{"role":"Node","token":"secret"}`, "application/json", 400, `missing parameter HostID`},
		"unknown token":    {`{"role":"Bot","token":"other","public_tls_key":"","public_ssh_key":""}`, "application/json", 403, `\"\" can not join the cluster with role \"Bot\", token expired or not found`},
		"a key that is no": {`{"role":"Bot","token":"secret","public_tls_key":"eA==","public_ssh_key":"eA=="}`, "application/json", 500, `ssh: no key found`},
	} {
		code, answer := p.post(p.webTLS(), url, []byte(c.body), c.kind)
		if want := `{"error":{"message":"` + c.message + `"}}` + "\n"; code != c.code || string(answer) != want {
			t.Errorf("%s: %d %s, want %d %s", name, code, answer, c.code, want)
		}
	}
	if err := b.overHTTP(p.webTLS(), url, "secret", ""); err != nil {
		t.Fatal(err)
	}
	if err := b.overHTTP(p.webTLS(), url, "secret", ""); err == nil || !strings.Contains(err.Error(), "token expired or not found") {
		t.Fatalf("a token of this method is good once, got %v", err)
	}
	p.joinToken("again")
	if err := b.overHTTP(p.webTLS(), url, "again", ""); err == nil || !strings.Contains(err.Error(), "has already been issued a renewable certificate") {
		t.Fatalf("got %v", err)
	}
}

func TestAGenerationMismatchLocks(t *testing.T) {
	for _, profile := range []string{"15", "18"} {
		t.Run(profile, func(t *testing.T) {
			p := serveJoining(t, profile)
			p.joinToken("secret")
			b := newBot(p)
			if err := endpoints(b)[viaProxyHTTP]("secret", ""); err != nil {
				t.Fatal(err)
			}
			first, err := b.connect(direct, b.certs.TLS)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.renew(first); err != nil {
				t.Fatal(err)
			}
			_, err = b.renew(first)
			wantError(t, err, codes.PermissionDenied, "renewable cert generation mismatch: stored=2, presented=1")
			_, err = first.Ping(t.Context())
			wantError(t, err, codes.PermissionDenied, "access denied")
			p.joinToken("other")
			err = endpoints(b)[viaProxyHTTP]("other", "")
			if err == nil || !strings.Contains(err.Error(), `lock targeting User:\"bot-operator\" is in force: The bot user`) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestRotation(t *testing.T) {
	p := serveJoining(t, "18")
	p.joinToken("secret")
	b := newBot(p)
	if err := endpoints(b)[viaProxyHTTP]("secret", ""); err != nil {
		t.Fatal(err)
	}
	works := func(want bool) {
		t.Helper()
		c, err := b.connect(byALPN, b.certs.TLS)
		if err == nil {
			_, err = c.Ping(t.Context())
		}
		if want != (err == nil) {
			t.Fatalf("works: %v, got %v", want, err)
		}
	}
	works(true)
	p.tell(http.MethodPost, "/rotate", map[string]string{"phase": "init"}, nil)
	p.tell(http.MethodPost, "/rotate", map[string]string{"phase": "update_clients"}, nil)
	works(true)
	c, err := b.connect(byALPN, b.certs.TLS)
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := b.renew(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(renewed.TLSCACerts) != 4 {
		t.Fatalf("%d authorities during a rotation, want 4", len(renewed.TLSCACerts))
	}
	p.tell(http.MethodPost, "/rotate", map[string]string{"phase": "update_servers"}, nil)
	p.tell(http.MethodPost, "/rotate", map[string]string{"phase": "standby"}, nil)
	works(false)
	b.certs = renewed
	works(true)
	if code, _ := p.ask(http.MethodPost, "/rotate", map[string]string{"phase": "standby"}); code != http.StatusBadRequest {
		t.Fatalf("a phase out of order: %d", code)
	}
}

// TestProtocols is the table of what a real one did with the protocols that a client offers.
func TestProtocols(t *testing.T) {
	p := serveJoining(t, "18")
	const encoded = "teleport-auth@746573742e6578616d706c652e636f6d.teleport.cluster.local"
	for name, c := range map[string]struct {
		address          string
		offered          []string
		negotiated, cert string
		failure          string
	}{
		"to auth":            {p.Proxy, []string{encoded, "h2"}, "h2", "auth.test.example.com", ""},
		"to auth without h2": {p.Proxy, []string{encoded}, "", "", "no application protocol"},
		"to nobody":          {p.Proxy, []string{"teleport-auth@", "h2"}, "", "", "EOF"},
		"to another cluster": {p.Proxy, []string{"teleport-auth@6f.teleport.cluster.local", "h2"}, "", "", "EOF"},
		"unknown":            {p.Proxy, []string{"unknown"}, "", "", "EOF"},
		"h2":                 {p.Proxy, []string{"h2"}, "h2", "localhost", ""},
		"none":               {p.Proxy, nil, "", "localhost", ""},
		"tunnel":             {p.Proxy, []string{"teleport-reversetunnel"}, "teleport-reversetunnel", "localhost", ""},
		"grpc":               {p.Proxy, []string{"teleport-proxy-grpc", "h2"}, "h2", "localhost", ""},
		"tunnel, balanced":   {p.Balancer, []string{"teleport-reversetunnel"}, "", "localhost", ""},
		"to auth, balanced":  {p.Balancer, []string{encoded, "h2"}, "", "localhost", ""},
	} {
		connection, err := tls.Dial("tcp", c.address, &tls.Config{InsecureSkipVerify: true, NextProtos: c.offered})
		if err != nil {
			if c.failure == "" || !strings.Contains(err.Error(), c.failure) {
				t.Errorf("%s: %v, want %q", name, err, c.failure)
			}
			continue
		}
		state := connection.ConnectionState()
		_ = connection.Close()
		if c.failure != "" || state.NegotiatedProtocol != c.negotiated || state.PeerCertificates[0].Subject.CommonName != c.cert {
			t.Errorf("%s: %q with the certificate of %s, want %q %q %s", name, state.NegotiatedProtocol, state.PeerCertificates[0].Subject.CommonName, c.negotiated, c.cert, c.failure)
		}
	}
	p.tell(http.MethodPost, "/balancer", map[string]string{"mood": "refusing"}, nil)
	_, err := tls.Dial("tcp", p.Balancer, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"teleport-reversetunnel"}})
	if err == nil || !strings.Contains(err.Error(), "no application protocol") {
		t.Fatalf("got %v", err)
	}
}
