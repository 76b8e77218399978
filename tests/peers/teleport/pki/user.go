// user.go signs for clients: a TLS and an SSH certificate, each for its own public key.

package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/teleport/api/utils/keys"
	"github.com/gravitational/trace"
	"golang.org/x/crypto/ssh"
)

// identityTTL is how long an identity file lives.
const identityTTL = 24 * time.Hour

// expiry is the end of what is asked for until then, within the bound that tests set.
func (c *Cluster) expiry(asked time.Time) time.Time {
	if bound := c.now().Add(c.longest); c.longest > 0 && bound.Before(asked) {
		return bound
	}
	return asked
}

// TLS signs a client's TLS certificate (DER).
func (c *Cluster) TLS(s Subject, public crypto.PublicKey, until time.Time) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user.signer(c.phase).sign(&x509.Certificate{
		Subject:   s.name(),
		NotBefore: c.now().Add(-backdated),
		NotAfter:  c.expiry(until),
	}, public)
}

// SSH signs a client's SSH certificate.
func (c *Cluster) SSH(s Subject, public ssh.PublicKey, until time.Time) (*ssh.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	certificate := &ssh.Certificate{
		Key:             public,
		CertType:        ssh.UserCert,
		KeyId:           s.User,
		ValidPrincipals: s.Logins,
		ValidAfter:      uint64(c.now().Add(-backdated).Unix()),
		ValidBefore:     uint64(c.expiry(until).Unix()),
	}
	err := certificate.SignCert(rand.Reader, c.user.signer(c.phase).signer)
	return certificate, trace.Wrap(err)
}

// Identity makes the standard identity file of a user with the roles.
func (c *Cluster) Identity(user string, roles []string) (*identityfile.IdentityFile, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	private, err := keys.MarshalPrivateKey(key)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return nil, trace.Wrap(err)
	}
	s := Subject{User: user, Roles: roles, RouteToCluster: c.Name, Cluster: c.Name, Traits: "null", Logins: []string{"-teleport-nologin-" + user}}
	until := time.Now().Add(identityTTL)
	der, err := c.TLS(s, key.Public(), until)
	if err != nil {
		return nil, err
	}
	line, err := c.SSH(s, public, until)
	if err != nil {
		return nil, err
	}
	var known [][]byte
	for _, host := range c.Hosts() {
		known = append(known, knownHosts(c.Name, host.SSH()))
	}
	return &identityfile.IdentityFile{
		PrivateKey: private,
		Certs:      identityfile.Certs{SSH: ssh.MarshalAuthorizedKey(line), TLS: encode(der)},
		CACerts:    identityfile.CACerts{SSH: known, TLS: append(PEMs(c.Users()), PEMs(c.Hosts())...)},
	}, nil
}

func knownHosts(cluster string, authority ssh.PublicKey) []byte {
	key := bytes.TrimSpace(ssh.MarshalAuthorizedKey(authority))
	return fmt.Appendf(nil, "@cert-authority %s,*.%s %s type=host\n", cluster, cluster, key)
}

// PEM encodes a certificate.
func PEM(der []byte) []byte { return encode(der) }
