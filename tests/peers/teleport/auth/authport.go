// authport.go is the auth server's port: gRPC and HTTP/1.1 behind one TLS listener, told
// apart by how the client begins. What they serve is not its business.

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"

	"teleport-operator/tests/peers/teleport/line"
	"teleport-operator/tests/peers/teleport/proxy"
)

const (
	shakeTimeout = 10 * time.Second
	// preface is how HTTP/2 begins; this much is read of it.
	preface = "PRI * HTTP/2.0"
)

// authPort is a running one.
type authPort struct {
	*line.Line
	config     *tls.Config
	http       *http.Server
	calls, web *line.Queue
}

func openAuthPort(listen string, config *tls.Config, server *grpc.Server, handler http.Handler) (*authPort, error) {
	p := &authPort{config: config, calls: line.NewQueue(), web: line.NewQueue()}
	p.http = &http.Server{Handler: handler, ReadHeaderTimeout: shakeTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(p.calls) }()
	go func() { _ = p.http.Serve(p.web) }()
	var err error
	p.Line, err = line.Listen(listen, p.serve)
	return p, err
}

func (p *authPort) serve(c net.Conn) {
	secured := tls.Server(c, p.config)
	ctx, cancel := context.WithTimeout(context.Background(), shakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = secured.Close()
		return
	}
	if secured.ConnectionState().NegotiatedProtocol == "h2" {
		p.calls.Give(secured)
		return
	}
	begun := &held{Conn: secured, reader: bufio.NewReader(secured)}
	if start, _ := begun.reader.Peek(len(preface)); bytes.Equal(start, []byte(preface)) {
		p.calls.Give(begun)
		return
	}
	p.web.Give(begun)
}

func (p *authPort) stop() {
	p.Cut()
	_ = p.http.Close()
}

// held is a TLS connection of which something was already read.
type held struct {
	*tls.Conn
	reader *bufio.Reader
}

var _ proxy.Held = (*held)(nil)

// Secured gives the connection's TLS.
func (h *held) Secured() *tls.Conn { return h.Conn }

func (h *held) Read(b []byte) (int, error) { return h.reader.Read(b) }
