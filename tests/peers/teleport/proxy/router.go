// Package proxy is the one port of a Teleport proxy: it routes by the first protocol that
// a TLS client offers, serves its web and join services, and lets connections be upgraded
// where something in between breaks that routing. It must not know tokens or identities.
package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gravitational/teleport/api/constants"
	"github.com/gravitational/teleport/api/utils"
	"github.com/gravitational/trace"
	"google.golang.org/grpc"

	"teleport-operator/tests/peers/teleport/line"
)

// protocolGRPC is the proxy's gRPC service for those who have no identity yet.
const protocolGRPC = "teleport-proxy-grpc"

const dialTimeout = 5 * time.Second

// Config is what a proxy works with.
type Config struct {
	Cluster string
	Listen  string
	// Auth is where the auth server is.
	Auth func() string
	// Web serves everything over HTTP, but for the connection upgrade.
	Web http.Handler
	// Register adds the gRPC services.
	Register func(grpc.ServiceRegistrar)
	// Options are those of the gRPC server, but for its transport.
	Options []grpc.ServerOption
	// Host is the TLS with the cluster's certificate; the protocols are added here.
	Host func(protocols ...string) *tls.Config
	// LegacyUpgrade also takes the upgrade that is no WebSocket.
	LegacyUpgrade bool
}

// Proxy is a running one.
type Proxy struct {
	*line.Line
	config Config
	http   *http.Server
	grpc   *grpc.Server
	// web and calls are the connections that the two servers take.
	web, calls *line.Queue

	mu          sync.Mutex
	certificate tls.Certificate
}

// Start serves until Stop.
func Start(config Config, certificate tls.Certificate) (*Proxy, error) {
	p := &Proxy{
		config: config, certificate: certificate,
		web: line.NewQueue(), calls: line.NewQueue(),
		grpc: grpc.NewServer(append(config.Options, grpc.Creds(Shaken{}))...),
	}
	config.Register(p.grpc)
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+constants.WebAPIConnUpgrade, p.upgrade)
	mux.Handle("/", config.Web)
	p.http = &http.Server{Handler: mux, ReadHeaderTimeout: helloTimeout, ErrorLog: quiet}
	go func() { _ = p.http.Serve(p.web) }()
	go func() { _ = p.grpc.Serve(p.calls) }()
	var err error
	p.Line, err = line.Listen(config.Listen, func(c net.Conn) { p.route(c, p.tls) })
	return p, err
}

// Stop ends everything.
func (p *Proxy) Stop() {
	p.Cut()
	p.grpc.Stop()
	_ = p.http.Close()
}

// Present changes the certificate that is shown from now on.
func (p *Proxy) Present(certificate tls.Certificate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certificate = certificate
}

func (p *Proxy) tls(protocols ...string) *tls.Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &tls.Config{Certificates: []tls.Certificate{p.certificate}, NextProtos: protocols, MinVersion: tls.VersionTLS12}
}

// route serves one connection, by the first protocol that its client offers (observed on
// Teleport 14): what it does not know is closed.
func (p *Proxy) route(c net.Conn, shown func(protocols ...string) *tls.Config) {
	offered, c, err := peek(c)
	if err != nil {
		closeQuietly(c)
		return
	}
	first := ""
	if len(offered) > 0 {
		first = offered[0]
	}
	switch {
	case strings.HasPrefix(first, constants.ALPNSNIAuthProtocol):
		p.pass(c, strings.TrimPrefix(first, constants.ALPNSNIAuthProtocol))
	case first == protocolGRPC:
		p.shake(c, shown("h2", protocolGRPC), p.calls)
	case first == "" || first == "h2" || first == "http/1.1":
		p.shake(c, shown("h2", "http/1.1"), p.web)
	case first == constants.ALPNSNIProtocolReverseTunnel:
		// Whoever really wanted a tunnel speaks SSH now, which nobody serves.
		p.shake(c, shown(constants.ALPNSNIProtocolReverseTunnel), nil)
	default:
		closeQuietly(c)
	}
}

// shake does the handshake and hands the connection on.
func (p *Proxy) shake(c net.Conn, config *tls.Config, to *line.Queue) {
	secured := tls.Server(c, config)
	ctx, cancel := context.WithTimeout(context.Background(), helloTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil || to == nil {
		closeQuietly(secured)
		return
	}
	to.Give(secured)
}

// pass connects the client with the auth server of the cluster that it names; the
// handshake is theirs.
func (p *Proxy) pass(c net.Conn, name string) {
	defer closeQuietly(c)
	if name != utils.EncodeClusterName(p.config.Cluster) {
		return
	}
	auth, err := net.DialTimeout("tcp", p.config.Auth(), dialTimeout)
	if err != nil {
		return
	}
	defer closeQuietly(auth)
	join(c, auth)
}

// join copies both ways until one side ends.
func join(a, b net.Conn) {
	done := make(chan struct{}, 2)
	copying := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go copying(a, b)
	go copying(b, a)
	<-done
}

func closeQuietly(c net.Conn) {
	if c != nil {
		_ = c.Close()
	}
}

// Reach says whether the auth server can be reached from the proxy.
func (p *Proxy) Reach() error {
	auth, err := net.DialTimeout("tcp", p.config.Auth(), dialTimeout)
	if err != nil {
		return trace.ConnectionProblem(err, "failed to connect to the auth server: %v", err)
	}
	return auth.Close()
}
