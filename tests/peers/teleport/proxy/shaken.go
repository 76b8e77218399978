// shaken.go lets a gRPC server take connections whose TLS handshake is already done.

package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"

	"github.com/gravitational/trace"
	"google.golang.org/grpc/credentials"
)

// quiet is for servers whose clients fail on purpose.
var quiet = log.New(io.Discard, "", 0)

// Shaken are transport credentials over connections that are *tls.Conn, or have one.
type Shaken struct{}

// Held is a connection around a TLS connection.
type Held interface{ Secured() *tls.Conn }

// ServerHandshake tells gRPC what the handshake gave.
func (Shaken) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, ok := c.(*tls.Conn)
	if held, is := c.(Held); is {
		secured, ok = held.Secured(), true
	}
	if !ok {
		return nil, nil, trace.BadParameter("a connection without TLS")
	}
	return c, credentials.TLSInfo{
		State:          secured.ConnectionState(),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// ClientHandshake is for no one.
func (Shaken) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, trace.NotImplemented("these credentials are a server's")
}

// Info names the protocol.
func (Shaken) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone is the same.
func (s Shaken) Clone() credentials.TransportCredentials { return s }

// OverrideServerName is for no one.
func (Shaken) OverrideServerName(string) error { return nil }
