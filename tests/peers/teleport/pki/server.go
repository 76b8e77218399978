// server.go is the TLS of the cluster's own servers: the certificate that they show, with
// the names that clients verify, and which clients they know.

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"net"
	"strings"
	"time"

	"github.com/gravitational/teleport/api/constants"
	"github.com/gravitational/trace"
)

const serverTTL = 24 * time.Hour

// serverCertificate is kept until a rotation or a turn of the clock asks for another one.
type serverCertificate struct{ certificate tls.Certificate }

// ServerTLS is the configuration of a server that shows a host certificate. A client's
// certificate is optional in the handshake, since anyone may ping and join; what it may
// do then is decided per call.
func (c *Cluster) ServerTLS(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if err := checkServerName(hello.ServerName); err != nil {
				return nil, err
			}
			certificate, err := c.serverCertificate()
			if err != nil {
				return nil, err
			}
			clients := x509.NewCertPool()
			for _, authority := range c.Users() {
				clients.AddCert(authority.certificate)
			}
			return &tls.Config{
				Certificates: []tls.Certificate{certificate},
				ClientAuth:   tls.VerifyClientCertIfGiven,
				ClientCAs:    clients,
				NextProtos:   protocols,
				MinVersion:   tls.VersionTLS12,
				Time:         c.Now,
				// A resumed session would outlive a rotation.
				SessionTicketsDisabled: true,
			}, nil
		},
	}
}

// checkServerName refuses a name that should hold a cluster's name in hex and does not.
func checkServerName(name string) error {
	label, ok := strings.CutSuffix(name, "."+constants.APIDomain)
	if !ok {
		return nil
	}
	_, err := hex.DecodeString(label)
	return trace.Wrap(err, "server name")
}

func (c *Cluster) serverCertificate() (tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		return c.server.certificate, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, trace.Wrap(err)
	}
	der, err := c.host.server(c.phase).sign(c.serverTemplate(), key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	c.server = &serverCertificate{pair(der, key)}
	return c.server.certificate, nil
}

func (c *Cluster) serverTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: "auth." + c.Name, Organization: []string{"Auth"}},
		NotBefore:   c.now().Add(-backdated),
		NotAfter:    c.now().Add(serverTTL),
		DNSNames:    []string{"auth." + c.Name, "*." + constants.APIDomain, constants.APIDomain, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
}

func pair(der []byte, key crypto.PrivateKey) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
