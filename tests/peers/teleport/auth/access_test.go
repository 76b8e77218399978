// access_test.go checks who may do what: certificates, roles, labels, client versions and limits.

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpcmetadata "google.golang.org/grpc/metadata"
)

func TestPermissions(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	var operator map[string]any
	if err := json.Unmarshal(p.stored("role", operatorRole).JSON, &operator); err != nil {
		t.Fatal(err)
	}
	allow := operator["spec"].(map[string]any)["allow"].(map[string]any)
	allow["rules"] = []any{map[string]any{"resources": []string{"user"}, "verbs": []string{"read"}}}
	p.tell(http.MethodPut, "/resource/role/"+operatorRole, operator, nil)

	_, err := p.client.GetRole(ctx, "access")
	wantError(t, err, codes.PermissionDenied, `access denied to perform action "read" on "role"`)
	if _, err := p.client.GetRole(ctx, operatorRole); err != nil {
		t.Fatalf("a role that the caller has: %v", err)
	}
	_, err = p.client.UpsertRole(ctx, role(t, "dev"))
	wantError(t, err, codes.PermissionDenied, `access denied to perform action "create" on "role", access denied to perform action "update" on "role"`)
	_, err = p.client.GetUser(ctx, "ghost", false)
	wantError(t, err, codes.NotFound, `user "ghost" is not found`)
	_, err = p.client.NewWatcher(ctx, types.Watch{Kinds: []types.WatchKind{{Kind: types.KindUser}}})
	if err != nil {
		t.Fatal(err)
	}
}

// connection is a plain gRPC connection that trusts the server's certificate.
func (p *running) connection(certificates []tls.Certificate) *grpc.ClientConn {
	p.t.Helper()
	identity, err := identityfile.ReadFile(p.Identity)
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	for _, pem := range identity.CACerts.TLS {
		roots.AppendCertsFromPEM(pem)
	}
	config := &tls.Config{RootCAs: roots, Certificates: certificates, ServerName: "localhost", MinVersion: tls.VersionTLS13}
	conn, err := grpc.NewClient(p.Auth, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestWithoutCertificateOnlyPingAnswers(t *testing.T) {
	p := serve(t, 0)
	anonymous := proto.NewAuthServiceClient(p.connection(nil))
	answer, err := anonymous.Ping(t.Context(), &proto.PingRequest{})
	if err != nil || answer.ServerVersion != "18.0.0" || !answer.ServerFeatures.Entitlements["OIDC"].Enabled {
		t.Fatalf("ping: %v %v", answer, err)
	}
	_, err = anonymous.GetRole(t.Context(), &proto.GetRoleRequest{Name: operatorRole})
	wantError(t, err, codes.PermissionDenied, `access denied to perform action "read" on "role"`)
}

func TestClientVersion(t *testing.T) {
	p := serve(t, 0)
	identity, err := identityfile.ReadFile(p.Identity)
	if err != nil {
		t.Fatal(err)
	}
	config, err := identity.TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	c := proto.NewAuthServiceClient(p.connection(config.Certificates))
	for version, code := range map[string]codes.Code{"99.0.0": codes.OK, "14.0.0-dev": codes.OK, "garbage": codes.InvalidArgument} {
		ctx := grpcmetadata.AppendToOutgoingContext(t.Context(), "version", version)
		_, err := c.GetRole(ctx, &proto.GetRoleRequest{Name: operatorRole})
		if code == codes.OK && err != nil {
			t.Errorf("%s: %v", version, err)
		}
		if code != codes.OK {
			wantError(t, err, code, "unrecognized client version: garbage is not a valid semver")
		}
	}
}

func TestMessageLimit(t *testing.T) {
	p := serve(t, 0)
	big := role(t, "big")
	big.SetLogins(types.Allow, []string{strings.Repeat("x", 5<<20)})
	_, err := p.client.UpsertRole(t.Context(), big)
	if err == nil || !strings.Contains(err.Error(), "received message larger than max") {
		t.Fatalf("got %v", err)
	}
}

func TestIdentityFileIsStandard(t *testing.T) {
	p := serve(t, 0)
	info, err := os.Stat(p.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != identityfile.FilePermissions {
		t.Errorf("mode %v", info.Mode())
	}
	identity := client.LoadIdentityFile(p.Identity)
	if _, err := identity.SSHClientConfig(); err != nil {
		t.Errorf("SSH: %v", err)
	}
	if expiry, ok := identity.Expiry(); !ok || time.Until(expiry) < time.Hour {
		t.Errorf("expires %v", expiry)
	}
}
