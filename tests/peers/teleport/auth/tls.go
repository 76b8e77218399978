// tls.go makes the certificates of a cluster of one auth server and one client: a host
// and a user authority, the server's certificate with Teleport's names, and the
// client's standard identity file. All keys live only as long as the process, but for
// the identity file.

package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/gravitational/teleport/api/constants"
	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/teleport/api/utils/keys"
	"github.com/gravitational/trace"
	"golang.org/x/crypto/ssh"
)

const (
	authorityTTL   = 10 * 365 * 24 * time.Hour
	certificateTTL = 24 * time.Hour
	// clockSkew is how far certificates are dated back, as Teleport does.
	clockSkew = time.Minute
)

// clusterExtension is the subject attribute in which Teleport names the cluster of a
// certificate (observed on Teleport 14).
var clusterExtension = asn1.ObjectIdentifier{1, 3, 9999, 1, 7}

// authority signs X.509 and SSH certificates with one key.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	signer      ssh.Signer
}

func newAuthority(cluster string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// Teleport tells its authorities apart by the serial number in the subject.
		Subject:               pkix.Name{CommonName: cluster, Organization: []string{cluster}, SerialNumber: serial.String()},
		NotBefore:             time.Now().Add(-clockSkew),
		NotAfter:              time.Now().Add(authorityTTL),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	return &authority{key, certificate, signer}, trace.Wrap(err)
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// issue signs a certificate for the key; the template says what it is for.
func (a *authority) issue(template *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-clockSkew)
	template.NotAfter = time.Now().Add(certificateTTL)
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	return der, trace.Wrap(err)
}

// authorities are the two that a cluster needs here.
type authorities struct {
	cluster    string
	host, user *authority
}

func newAuthorities(cluster string) (*authorities, error) {
	host, err := newAuthority(cluster)
	if err != nil {
		return nil, err
	}
	user, err := newAuthority(cluster)
	return &authorities{cluster, host, user}, err
}

// serverTLS is the configuration of the auth server. A client certificate is optional
// in the handshake, since anyone may ping; what it may do then is decided per call.
func (a *authorities) serverTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	der, err := a.host.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "auth." + a.cluster, Organization: []string{"Auth"}},
		DNSNames:    []string{"*." + constants.APIDomain, constants.APIDomain, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}, key.Public())
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	clients.AddCert(a.user.certificate)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:   tls.VerifyClientCertIfGiven,
		ClientCAs:    clients,
		NextProtos:   []string{"h2"},
		MinVersion:   tls.VersionTLS12,
	}, nil
}

// identity makes the identity of a user with the roles.
func (a *authorities) identity(user string, roles []string) (*identityfile.IdentityFile, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	private, err := keys.MarshalPrivateKey(key)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	der, err := a.user.issue(&x509.Certificate{Subject: pkix.Name{
		CommonName:    user,
		Organization:  roles,
		StreetAddress: []string{a.cluster},
		PostalCode:    []string{"null"},
		Locality:      []string{"-teleport-nologin-" + user},
		ExtraNames:    []pkix.AttributeTypeAndValue{{Type: clusterExtension, Value: a.cluster}},
	}}, key.Public())
	if err != nil {
		return nil, err
	}
	certificate, err := a.sshCertificate(user, key.Public())
	if err != nil {
		return nil, err
	}
	return &identityfile.IdentityFile{
		PrivateKey: private,
		Certs: identityfile.Certs{
			SSH: certificate,
			TLS: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		},
		CACerts: identityfile.CACerts{
			SSH: [][]byte{knownHosts(a.cluster, a.host.signer.PublicKey())},
			TLS: [][]byte{a.user.pem(), a.host.pem()},
		},
	}, nil
}

func (a *authorities) sshCertificate(user string, public crypto.PublicKey) ([]byte, error) {
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	certificate := &ssh.Certificate{
		Key:             key,
		CertType:        ssh.UserCert,
		KeyId:           user,
		ValidPrincipals: []string{"-teleport-nologin-" + user},
		ValidAfter:      uint64(time.Now().Add(-clockSkew).Unix()),
		ValidBefore:     uint64(time.Now().Add(certificateTTL).Unix()),
	}
	if err := certificate.SignCert(rand.Reader, a.user.signer); err != nil {
		return nil, trace.Wrap(err)
	}
	return ssh.MarshalAuthorizedKey(certificate), nil
}

func knownHosts(cluster string, authority ssh.PublicKey) []byte {
	key := bytes.TrimSpace(ssh.MarshalAuthorizedKey(authority))
	return fmt.Appendf(nil, "@cert-authority %s,*.%s %s type=host\n", cluster, cluster, key)
}

func serialNumber() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return serial, trace.Wrap(err)
}
