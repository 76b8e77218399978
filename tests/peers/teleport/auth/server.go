// server.go puts the server together: store, cache and services behind the auth server's
// port, the proxy and the load balancer in front of it, and the control port. It holds no
// behaviour of its own.

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gravitational/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"teleport-operator/tests/peers/teleport/line"
	"teleport-operator/tests/peers/teleport/pki"
	"teleport-operator/tests/peers/teleport/proxy"
)

// options are the command line's.
type options struct {
	listen, control string
	// proxy and balancer are the addresses of these two; empty is none.
	proxy, balancer string
	// dir is where the identity, the web's authority and ready.json go.
	dir              string
	cluster, version string
	profile          profile
	web              pki.WebKind
	// separate says that the proxy tells clients not to route by TLS, which works still.
	separate bool
	lag      time.Duration
	// journal is where resources outlive the process; nowhere where it is empty.
	journal string
	// plaintext serves without TLS, and then without permissions and joining too.
	plaintext bool
}

type server struct {
	ready
	kinds   *kinds
	cluster *pki.Cluster
	joining *joining
	network *network
	page    *web
	faults  *faults
	about   *about
	gate    *gate
	grpc    *grpc.Server
	http    *http.Server
	auth    *authPort
	cancel  context.CancelFunc
	failed  chan error
}

// start serves until stop is called. When it returns, ready.json is written.
func start(o options) (*server, error) {
	if err := prepareDir(o.dir); err != nil {
		return nil, err
	}
	s, cache, err := assemble(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go cache.run(ctx)
	if err := s.open(o); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	control := &control{store: s.kinds.users.store, cache: cache, faults: s.faults, about: s.about, table: s.kinds.table, joining: s.joining, network: s.network, web: s.page}
	if err := s.serveControl(o.control, control); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if !o.plaintext {
		if s.Identity, err = writeIdentity(o.dir, s.cluster); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, writeReady(o.dir, s.ready)
}

// assemble makes all parts, none of which serves yet.
func assemble(o options) (*server, *cache, error) {
	cluster, err := pki.New(o.cluster)
	if err != nil {
		return nil, nil, err
	}
	store := newStore()
	if err := store.keep(o.journal); err != nil {
		return nil, nil, err
	}
	cache := newCache(store, o.lag)
	kinds := newKinds(store, cache)
	if err := kinds.addPresets(); err != nil {
		return nil, nil, err
	}
	cache.apply()
	s := &server{
		kinds: kinds, cluster: cluster, faults: newFaults(), network: &network{},
		about:   newAbout(o.cluster, o.version, cluster.HostPEM),
		joining: newJoining(kinds, cluster, o.profile),
		failed:  make(chan error, 2),
	}
	s.gate = &gate{faults: s.faults, trusted: o.plaintext, barred: kinds.bar}
	transport := grpc.Creds(proxy.Shaken{})
	if o.plaintext {
		transport = grpc.Creds(insecure.NewCredentials())
	}
	s.grpc = grpc.NewServer(append(s.interceptors(), transport)...)
	kinds.register(s.grpc, &authService{kinds: kinds, cache: cache, about: s.about, joining: s.joining})
	s.joining.register(s.grpc)
	return s, cache, nil
}

func (s *server) interceptors() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.UnaryInterceptor(s.gate.unary), grpc.StreamInterceptor(s.gate.stream)}
}

// open opens the lines.
func (s *server) open(o options) error {
	if o.plaintext {
		return s.openPlain(o.listen)
	}
	mux := http.NewServeMux()
	if o.profile.authHTTP {
		mux.HandleFunc("POST /{version}/tokens/register", s.joining.overHTTP(viaAuthHTTP, func() error { return nil }))
	}
	var err error
	if s.auth, err = openAuthPort(o.listen, s.cluster.ServerTLS("h2", "http/1.1"), s.grpc, mux); err != nil {
		return err
	}
	s.Auth = s.auth.Addr()
	for _, authority := range s.cluster.Hosts() {
		s.Pins = append(s.Pins, authority.Pin())
	}
	s.network.lines = map[string]*line.Line{"auth": s.auth.Line}
	if o.proxy == "" {
		return nil
	}
	return s.openProxy(o)
}

func (s *server) openPlain(listen string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return trace.Wrap(err)
	}
	s.Auth = listener.Addr().String()
	go func() { s.failed <- s.grpc.Serve(listener) }()
	return nil
}

// openProxy opens the proxy, and the balancer if there is one.
func (s *server) openProxy(o options) error {
	certificates, err := pki.NewWeb()
	if err != nil {
		return err
	}
	s.network.web = certificates
	shown, err := certificates.Certificate(o.web)
	if err != nil {
		return err
	}
	if s.WebCA, err = writeFile(o.dir, "web-ca.pem", certificates.Roots()); err != nil {
		return err
	}
	s.page = &web{about: s.about, profile: o.profile, routing: !o.separate, faults: s.faults, address: s.publicAddress}
	handler := s.page.handler(s.joining.overHTTP(viaProxyHTTP, func() error { return s.network.proxy.Reach() }))
	if s.network.proxy, err = proxy.Start(s.proxyConfig(o, handler), shown); err != nil {
		return err
	}
	s.Proxy, s.network.lines["proxy"] = byName(s.network.proxy.Addr()), s.network.proxy.Line
	if o.balancer == "" {
		return nil
	}
	return s.openBalancer(o, shown)
}

func (s *server) openBalancer(o options, shown tls.Certificate) (err error) {
	s.network.balancer, err = proxy.Balance(o.balancer, s.network.proxy.Addr, shown)
	if err != nil {
		return err
	}
	s.Balancer, s.network.lines["balancer"] = byName(s.network.balancer.Addr()), s.network.balancer.Line
	return nil
}

func (s *server) proxyConfig(o options, handler http.Handler) proxy.Config {
	return proxy.Config{
		Cluster: o.cluster, Listen: o.proxy, Auth: s.auth.Addr, Web: handler,
		Register: s.joining.registerProxy, Options: s.interceptors(),
		Host: s.cluster.ServerTLS, LegacyUpgrade: o.profile.legacyUpgrade,
	}
}

// publicAddress is where clients should come to.
func (s *server) publicAddress() string {
	if s.Balancer != "" {
		return s.Balancer
	}
	return s.Proxy
}

// byName is the address with the name that web certificates have.
func byName(address string) string {
	return strings.Replace(address, "127.0.0.1:", "localhost:", 1)
}

func (s *server) serveControl(address string, c *control) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return trace.Wrap(err)
	}
	s.Control = listener.Addr().String()
	s.http = &http.Server{Handler: c.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { s.failed <- s.http.Serve(listener) }()
	return nil
}

// stop ends all calls.
func (s *server) stop() error {
	s.cancel()
	s.network.stop()
	s.grpc.Stop()
	if s.auth != nil {
		s.auth.stop()
	}
	if s.http == nil {
		return nil
	}
	if err := s.http.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return trace.Wrap(err)
	}
	return nil
}
