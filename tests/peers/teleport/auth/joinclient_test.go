// joinclient_test.go is a bot for tests: it joins by an endpoint and talks to the server as
// the official client does. Its requests are plain HTTP or the official messages.

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"golang.org/x/crypto/ssh"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// serveJoining starts a server with a proxy and a balancer, and a bot named operator.
func serveJoining(t *testing.T, profile string, more ...string) *running {
	t.Helper()
	o, err := parse(append([]string{"-dir", t.TempDir(), "-cluster", "test.example.com", "-cache-lag", "0",
		"-proxy", "127.0.0.1:0", "-balancer", "127.0.0.1:0", "-profile", profile}, more...))
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	p := &running{t: t, server: s}
	p.tell(http.MethodPut, "/resource/bot/operator", map[string]any{
		"metadata": map[string]any{"name": "operator"},
		"spec":     map[string]any{"roles": []string{operatorRole}},
	}, nil)
	return p
}

// joinToken makes a token of the method token.
func (p *running) joinToken(name string) {
	p.tell(http.MethodPut, "/resource/token/"+name, map[string]any{
		"kind": "token", "version": "v2", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"roles": []string{"Bot"}, "bot_name": "operator", "join_method": "token"},
	}, nil)
}

// bot is a key, and what was issued for it.
type bot struct {
	*running
	key   *ecdsa.PrivateKey
	certs *proto.Certs
}

func newBot(p *running) *bot {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	return &bot{running: p, key: key}
}

func (b *bot) sshKey() []byte {
	key, err := ssh.NewPublicKey(b.key.Public())
	if err != nil {
		b.t.Fatal(err)
	}
	return ssh.MarshalAuthorizedKey(key)
}

func (b *bot) der() []byte {
	der, err := x509.MarshalPKIXPublicKey(b.key.Public())
	if err != nil {
		b.t.Fatal(err)
	}
	return der
}

func (b *bot) tlsKey() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b.der()})
}

func (b *bot) request(token, proof string) *types.RegisterUsingTokenRequest {
	expires := time.Now().Add(time.Hour).UTC()
	return &types.RegisterUsingTokenRequest{
		Role: types.RoleBot, Token: token, IDToken: proof,
		PublicTLSKey: b.tlsKey(), PublicSSHKey: b.sshKey(), Expires: &expires,
	}
}

// webTLS trusts what the web shows.
func (p *running) webTLS() *tls.Config {
	content, err := os.ReadFile(p.WebCA)
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(content)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// anonymous is the TLS of who can't verify the cluster yet.
func anonymous() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

func (p *running) post(config *tls.Config, url string, body []byte, kind string) (int, []byte) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	response, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}).Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, answer
}

// overHTTP joins by an HTTP endpoint.
func (b *bot) overHTTP(config *tls.Config, url, token, proof string) error {
	b.t.Helper()
	body, err := json.Marshal(b.request(token, proof))
	if err != nil {
		b.t.Fatal(err)
	}
	code, answer := b.post(config, url, body, "application/json")
	if code != http.StatusOK {
		return errors.New(http.StatusText(code) + ": " + string(answer))
	}
	b.certs = &proto.Certs{}
	return json.Unmarshal(answer, b.certs)
}

func (p *running) dial(address string, config *tls.Config) *grpc.ClientConn {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// register joins by the older gRPC call.
func (b *bot) register(token, proof string) (err error) {
	c := proto.NewJoinServiceClient(b.dial(b.Auth, anonymous()))
	b.certs, err = c.RegisterUsingToken(b.t.Context(), b.request(token, proof))
	return err
}

// joinV1 joins by the newest service.
func (b *bot) joinV1(connection *grpc.ClientConn, token, proof string) error {
	stream, err := connection.NewStream(b.t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/"+joinServiceV1+"/Join")
	if err != nil {
		return err
	}
	hello := newNode("JoinRequest")
	hello.in("client_init").setText("token_name", token)
	hello.in("client_init").setText("system_role", "Bot")
	answer := newNode("JoinResponse")
	if err := exchange(stream, hello, answer); err != nil {
		return err
	}
	second, init := newNode("JoinRequest"), "token_init"
	if answer.at("init").text("join_method") == "kubernetes" {
		init = "oidc_init"
		second.in("oidc_init").setBytes("id_token", []byte(proof))
	}
	b.fill(second.in(protoName(init)).in("client_params").in("bot_params"))
	answer = newNode("JoinResponse")
	if err := exchange(stream, second, answer); err != nil {
		return err
	}
	b.certs = legacyCerts(answer.at("result").at("bot_result").at("certificates"))
	return nil
}

func (b *bot) fill(params node) {
	key, err := ssh.NewPublicKey(b.key.Public())
	if err != nil {
		b.t.Fatal(err)
	}
	params.in("public_keys").setBytes("public_tls_key", b.der())
	params.in("public_keys").setBytes("public_ssh_key", key.Marshal())
	raw, err := protobuf.Marshal(timestamppb.New(time.Now().Add(time.Hour)))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := protobuf.Unmarshal(raw, params.in("expires").Interface()); err != nil {
		b.t.Fatal(err)
	}
}

func exchange(stream grpc.ClientStream, question, answer node) error {
	if err := stream.SendMsg(question.Interface()); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return stream.RecvMsg(answer.Interface())
}

func legacyCerts(n node) *proto.Certs {
	certs := &proto.Certs{TLS: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.bytes("tls_cert")})}
	list := n.Get(n.field("tls_ca_certs")).List()
	for i := range list.Len() {
		certs.TLSCACerts = append(certs.TLSCACerts, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: list.Get(i).Bytes()}))
	}
	return certs
}

// credentials are for the official client.
func (b *bot) credentials(certificate []byte) client.Credentials {
	b.t.Helper()
	block, _ := pem.Decode(certificate)
	if block == nil {
		b.t.Fatal("no certificate was issued")
	}
	roots := x509.NewCertPool()
	for _, authority := range b.certs.TLSCACerts {
		roots.AppendCertsFromPEM(authority)
	}
	return client.LoadTLS(&tls.Config{
		RootCAs:      roots,
		Certificates: []tls.Certificate{{Certificate: [][]byte{block.Bytes}, PrivateKey: b.key}},
	})
}

// route is a way to the auth server.
type route string

const (
	direct   route = "direct"
	byALPN   route = "by ALPN"
	upgraded route = "upgraded"
)

// connect gives the official client over the route.
func (b *bot) connect(way route, certificate []byte) (*client.Client, error) {
	b.t.Helper()
	config := client.Config{
		Addrs: []string{b.Auth}, Credentials: []client.Credentials{b.credentials(certificate)}, DialInBackground: true,
	}
	if way != direct {
		config.Addrs, config.ALPNSNIAuthDialClusterName = []string{b.Proxy}, "test.example.com"
	}
	if way == upgraded {
		config.Addrs, config.ALPNConnUpgradeRequired, config.InsecureAddressDiscovery = []string{b.Balancer}, true, true
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	c, err := client.New(ctx, config)
	if err == nil {
		b.t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// impersonate gets a certificate with the roles.
func (b *bot) impersonate(c *client.Client, roles ...string) (*proto.Certs, error) {
	return c.GenerateUserCerts(b.t.Context(), proto.UserCertsRequest{
		PublicKey: b.sshKey(), SSHPublicKey: b.sshKey(), TLSPublicKey: b.tlsKey(), //nolint:staticcheck // As bots do.
		Username: "bot-operator", Expires: time.Now().Add(time.Hour), RouteToCluster: "test.example.com",
		RoleRequests: roles, UseRoleRequests: true,
	})
}

// renew gets the next certificate of a bot that can renew.
func (b *bot) renew(c *client.Client) (*proto.Certs, error) {
	return c.GenerateUserCerts(b.t.Context(), proto.UserCertsRequest{
		PublicKey: b.sshKey(), SSHPublicKey: b.sshKey(), TLSPublicKey: b.tlsKey(), //nolint:staticcheck // As bots do.
		Username: "bot-operator", Expires: time.Now().Add(time.Hour),
	})
}

// subject reads an issued certificate.
func subjectOf(t *testing.T, certificate []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(certificate)
	if block == nil {
		t.Fatal("no certificate")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
