// web.go makes the certificates that a proxy or a load balancer shows to browsers: of an
// authority that has nothing to do with the cluster's, or none at all.

package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"time"

	"github.com/gravitational/trace"
)

// WebKind says what is wrong with a web certificate, or nothing.
type WebKind string

const (
	// WebSigned is a good one.
	WebSigned WebKind = "signed"
	// WebSelf is what Teleport makes for itself: RSA, an authority that is used as an end
	// entity (observed on Teleport 14).
	WebSelf WebKind = "self"
	// WebMisnamed is for another host.
	WebMisnamed WebKind = "misnamed"
	// WebExpired was good until yesterday.
	WebExpired WebKind = "expired"
)

// Web signs certificates for names on the web.
type Web struct {
	authority *Authority
	self      tls.Certificate
}

// NewWeb makes the authority, and the one certificate that needs none.
func NewWeb() (*Web, error) {
	authority, err := newAuthority("Web test authority", time.Now())
	if err != nil {
		return nil, err
	}
	self, err := selfSigned()
	return &Web{authority, self}, err
}

// Roots are what clients must trust for the certificates of every kind.
func (w *Web) Roots() []byte {
	return append(w.authority.PEM(), encode(w.self.Certificate[0])...)
}

// Certificate makes one of the kind for this machine.
func (w *Web) Certificate(kind WebKind) (tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost"},
		NotBefore:   time.Now().Add(-48 * time.Hour),
		NotAfter:    time.Now().Add(serverTTL),
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	switch kind {
	case WebSigned:
	case WebSelf:
		return w.self, nil
	case WebMisnamed:
		template.DNSNames, template.IPAddresses = []string{"elsewhere.example.com"}, nil
	case WebExpired:
		template.NotAfter = time.Now().Add(-24 * time.Hour)
	default:
		return tls.Certificate{}, trace.BadParameter("web certificate: %q is no kind; there are signed, self, misnamed and expired", kind)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, trace.Wrap(err)
	}
	der, err := w.authority.sign(template, key.Public())
	return pair(der, key), err
}

func selfSigned() (tls.Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return tls.Certificate{}, trace.Wrap(err)
	}
	serial, err := serialNumber()
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "localhost", Organization: []string{"localhost"}},
		NotBefore:             time.Now().Add(-backdated),
		NotAfter:              time.Now().Add(authorityTTL),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"local", "localhost", "localhost.local"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return pair(der, key), trace.Wrap(err)
}
