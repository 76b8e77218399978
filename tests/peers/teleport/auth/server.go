// server.go puts the server together: store, cache and services behind one gRPC
// listener, and the control port. It holds no behaviour of its own.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// options are the command line's.
type options struct {
	listen, control string
	// dir is where the identity and ready.json go.
	dir              string
	cluster, version string
	lag              time.Duration
	// plaintext serves without TLS, and then without permissions too.
	plaintext bool
}

// readyFile is written when the server serves.
const readyFile = "ready.json"

// ready is the content of ready.json.
type ready struct {
	Auth    string `json:"auth"`
	Control string `json:"control"`
	// Identity is the path of the operator's identity file; none in plaintext.
	Identity string `json:"identity,omitempty"`
}

type server struct {
	ready
	kinds  *kinds
	grpc   *grpc.Server
	http   *http.Server
	cancel context.CancelFunc
	failed chan error
}

// start serves until stop is called. When it returns, ready.json is written.
func start(o options) (*server, error) {
	if err := prepareDir(o.dir); err != nil {
		return nil, err
	}
	authorities, err := newAuthorities(o.cluster)
	if err != nil {
		return nil, err
	}
	transport := insecure.NewCredentials()
	identity := ""
	if !o.plaintext {
		config, err := authorities.serverTLS()
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(config)
		if identity, err = writeIdentity(o.dir, authorities); err != nil {
			return nil, err
		}
	}
	store := newStore()
	cache := newCache(store, o.lag)
	kinds := newKinds(store, cache)
	if err := kinds.addPresets(); err != nil {
		return nil, err
	}
	cache.apply()
	faults := newFaults()
	about := newAbout(o.cluster, o.version, authorities.host.pem())
	gate := &gate{faults: faults, trusted: o.plaintext}
	s := &server{
		kinds:  kinds,
		grpc:   grpc.NewServer(grpc.Creds(transport), grpc.UnaryInterceptor(gate.unary), grpc.StreamInterceptor(gate.stream)),
		http:   &http.Server{Handler: (&control{store, cache, faults, about, kinds.table}).handler(), ReadHeaderTimeout: 10 * time.Second},
		failed: make(chan error, 2),
	}
	kinds.register(s.grpc, &authService{kinds: kinds, cache: cache, about: about})
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go cache.run(ctx)
	s.Identity = identity
	return s, s.listen(o)
}

func (s *server) listen(o options) error {
	auth, err := net.Listen("tcp", o.listen)
	if err != nil {
		return trace.Wrap(err)
	}
	control, err := net.Listen("tcp", o.control)
	if err != nil {
		return trace.NewAggregate(err, auth.Close())
	}
	s.Auth, s.Control = auth.Addr().String(), control.Addr().String()
	go func() { s.failed <- s.grpc.Serve(auth) }()
	go func() { s.failed <- s.http.Serve(control) }()
	return writeReady(o.dir, s.ready)
}

// stop ends all calls.
func (s *server) stop() error {
	s.cancel()
	s.grpc.Stop()
	if err := s.http.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return trace.Wrap(err)
	}
	return nil
}

func writeIdentity(dir string, a *authorities) (string, error) {
	identity, err := a.identity(operatorUser, []string{operatorRole})
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(dir, "identity"))
	if err != nil {
		return "", trace.Wrap(err)
	}
	return path, identityfile.Write(identity, path)
}

// prepareDir makes the directory and takes a former run's ready.json out of it.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return trace.ConvertSystemError(err)
	}
	err := os.Remove(filepath.Join(dir, readyFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return trace.ConvertSystemError(err)
}

// writeReady makes ready.json appear whole or not at all.
func writeReady(dir string, r ready) error {
	content, err := json.Marshal(r)
	if err != nil {
		return trace.Wrap(err)
	}
	path := filepath.Join(dir, readyFile)
	if err := os.WriteFile(path+".tmp", content, 0o600); err != nil {
		return trace.ConvertSystemError(err)
	}
	return trace.ConvertSystemError(os.Rename(path+".tmp", path))
}
