// balancer.go is a layer-7 load balancer in front of a proxy: it ends TLS itself, knows
// HTTP and WebSockets, and breaks every route by ALPN.

package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"

	"github.com/gravitational/trace"

	"teleport-operator/tests/peers/teleport/line"
)

// Mood is how a balancer answers a client that offers only protocols it does not know.
type Mood string

const (
	// Ignoring chooses no protocol.
	Ignoring Mood = "ignoring"
	// Refusing ends the handshake with the alert for it.
	Refusing Mood = "refusing"
)

// Balancer is a running one.
type Balancer struct {
	*line.Line
	http *http.Server
	web  *line.Queue

	mu          sync.Mutex
	certificate tls.Certificate
	mood        Mood
}

// Balance serves in front of the proxy at the address.
func Balance(listen string, target func() string, certificate tls.Certificate) (*Balancer, error) {
	b := &Balancer{web: line.NewQueue(), certificate: certificate, mood: Ignoring}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: target()})
			r.Out.Host = r.In.Host
		},
		// What is behind a balancer is not verified by it.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}},
		ErrorLog:  quiet,
	}
	b.http = &http.Server{Handler: forward, ReadHeaderTimeout: helloTimeout, ErrorLog: quiet}
	go func() { _ = b.http.Serve(b.web) }()
	var err error
	b.Line, err = line.Listen(listen, b.serve)
	return b, err
}

func (b *Balancer) serve(c net.Conn) {
	b.mu.Lock()
	config := &tls.Config{Certificates: []tls.Certificate{b.certificate}, MinVersion: tls.VersionTLS12}
	if b.mood == Refusing {
		config.NextProtos = []string{"http/1.1"}
	}
	b.mu.Unlock()
	secured := tls.Server(c, config)
	ctx, cancel := context.WithTimeout(context.Background(), helloTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		closeQuietly(secured)
		return
	}
	b.web.Give(secured)
}

// SetMood changes how later connections are answered.
func (b *Balancer) SetMood(mood Mood) error {
	if mood != Ignoring && mood != Refusing {
		return trace.BadParameter("mood: %q is none; there are ignoring and refusing", mood)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mood = mood
	return nil
}

// Present changes the certificate that is shown from now on.
func (b *Balancer) Present(certificate tls.Certificate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.certificate = certificate
}

// Stop ends everything.
func (b *Balancer) Stop() {
	b.Cut()
	_ = b.http.Close()
}
