// webapi_test.go checks discovery with the official client of it, and what tests do to the web.

package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gravitational/teleport/api/client/webclient"
	"github.com/gravitational/teleport/api/types"
)

func TestDiscovery(t *testing.T) {
	for profile, suite := range map[string]types.SignatureAlgorithmSuite{
		"16": types.SignatureAlgorithmSuite_SIGNATURE_ALGORITHM_SUITE_UNSPECIFIED,
		"17": types.SignatureAlgorithmSuite_SIGNATURE_ALGORITHM_SUITE_BALANCED_V1,
		"18": types.SignatureAlgorithmSuite_SIGNATURE_ALGORITHM_SUITE_BALANCED_V1,
	} {
		p := serveJoining(t, profile)
		config := &webclient.Config{Context: t.Context(), ProxyAddr: p.Proxy, Pool: p.webTLS().RootCAs}
		for name, ask := range map[string]func(*webclient.Config) (*webclient.PingResponse, error){"find": webclient.Find, "ping": webclient.Ping} {
			answer, err := ask(config)
			if err != nil {
				t.Fatalf("%s %s: %v", profile, name, err)
			}
			if answer.ClusterName != "test.example.com" || answer.ServerVersion != profiles[profile].version || answer.MinClientVersion == "" ||
				!answer.Proxy.TLSRoutingEnabled || answer.Proxy.SSH.PublicAddr != p.Balancer || answer.Auth.SignatureAlgorithmSuite != suite {
				t.Errorf("%s %s: %+v", profile, name, answer)
			}
		}
	}
}

func TestTheWebCanBeDisturbed(t *testing.T) {
	p := serveJoining(t, "18")
	p.joinToken("secret")
	join := endpoints(newBot(p))[viaProxyHTTP]
	fails := func(what, want string) {
		t.Helper()
		if err := join("secret", ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%s: %v, want %q", what, err, want)
		}
	}
	p.tell(http.MethodPost, "/web", map[string]any{"status": 200, "content_type": "text/html", "body": "<html>", "times": 1}, nil)
	fails("a disguise", "invalid character '<'")
	p.tell(http.MethodPost, "/inject", map[string]any{"method": "/webapi/host/credentials", "code": "UNAVAILABLE", "message": "later"}, nil)
	fails("a fault", "later")
	down, up := map[string]any{"name": "auth", "up": false}, map[string]any{"name": "auth", "up": true}
	p.tell(http.MethodPost, "/line", down, nil)
	fails("without the auth server", "failed to connect to the auth server")
	p.tell(http.MethodPost, "/line", up, nil)
	if err := join("secret", ""); err != nil {
		t.Fatal(err)
	}
	p.tell(http.MethodPost, "/web-certificate", map[string]any{"kind": "misnamed"}, nil)
	_, err := webclient.Find(&webclient.Config{Context: t.Context(), ProxyAddr: p.Proxy, Pool: p.webTLS().RootCAs})
	if err == nil || !strings.Contains(err.Error(), "elsewhere.example.com") {
		t.Fatalf("a certificate for another name: %v", err)
	}
}
