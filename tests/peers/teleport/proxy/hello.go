// hello.go looks at a TLS client's first message without answering it, so that the rest
// of the handshake can happen with somebody else.

package proxy

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/gravitational/trace"
)

// helloTimeout bounds how long a client may take to say anything.
const helloTimeout = 10 * time.Second

var errSeen = errors.New("the hello was seen")

// peek returns the protocols that the client offers, and a connection that starts anew.
func peek(c net.Conn) ([]string, net.Conn, error) {
	var said bytes.Buffer
	var offered []string
	server := tls.Server(&deaf{Conn: c, reader: io.TeeReader(c, &said)}, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			offered = hello.SupportedProtos
			return nil, errSeen
		},
	})
	if err := c.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return nil, nil, trace.Wrap(err)
	}
	if err := server.Handshake(); !errors.Is(err, errSeen) {
		return nil, nil, trace.Wrap(err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return nil, nil, trace.Wrap(err)
	}
	return offered, &replayed{Conn: c, reader: io.MultiReader(&said, c)}, nil
}

// deaf takes what is read from the reader, and sends nothing.
type deaf struct {
	net.Conn
	reader io.Reader
}

func (d *deaf) Read(b []byte) (int, error)  { return d.reader.Read(b) }
func (d *deaf) Write(b []byte) (int, error) { return len(b), nil }

// replayed reads first what was read before.
type replayed struct {
	net.Conn
	reader io.Reader
}

func (r *replayed) Read(b []byte) (int, error) { return r.reader.Read(b) }
