// Package pki makes the certificates of a cluster: its authorities, which can be rotated,
// and what they sign for servers, users and bots. It must not decide who gets one.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"time"

	"github.com/gravitational/trace"
	"golang.org/x/crypto/ssh"
)

const (
	authorityTTL = 10 * 365 * 24 * time.Hour
	// backdated is how far certificates are dated back, as Teleport does.
	backdated = time.Minute
)

// Authority signs X.509 and SSH certificates with one key.
type Authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	signer      ssh.Signer
}

func newAuthority(cluster string, now time.Time) (*Authority, error) {
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
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(authorityTTL),
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
	return &Authority{key, certificate, signer}, trace.Wrap(err)
}

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte { return encode(a.certificate.Raw) }

// DER is the authority's certificate.
func (a *Authority) DER() []byte { return a.certificate.Raw }

// SSH is the authority's public key.
func (a *Authority) SSH() ssh.PublicKey { return a.signer.PublicKey() }

// Pin is what clients pin an authority by.
func (a *Authority) Pin() string {
	sum := sha256.Sum256(a.certificate.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// sign signs a certificate for the key; the template says what it is for and until when.
func (a *Authority) sign(template *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	return der, trace.Wrap(err)
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func serialNumber() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return serial, trace.Wrap(err)
}
