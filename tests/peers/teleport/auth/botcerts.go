// botcerts.go makes a bot's certificates of a subject and public keys. Who gets which, it
// must not decide.

package main

import (
	"crypto"
	"time"

	"github.com/google/uuid"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/teleport/api/utils/keys"
	"github.com/gravitational/trace"
	"golang.org/x/crypto/ssh"

	"teleport-operator/tests/peers/teleport/pki"
)

// publicKeys are those to sign; each may be nil, and then there is no such certificate.
type publicKeys struct {
	tls crypto.PublicKey
	ssh ssh.PublicKey
}

// issued is what was signed.
type issued struct {
	tls []byte
	ssh *ssh.Certificate
	authorities
}

// authorities are those that go along with certificates.
type authorities struct{ forTLS, forSSH []*pki.Authority }

// allAuthorities are what bots get: users' first, then hosts'.
func allAuthorities(c *pki.Cluster) authorities {
	all := append(append([]*pki.Authority{}, c.Users()...), c.Hosts()...)
	return authorities{all, all}
}

// userAuthorities are what goes with a certificate for other roles.
func userAuthorities(c *pki.Cluster) authorities { return authorities{c.Users(), c.Users()} }

func (j *joining) issue(s pki.Subject, public publicKeys, until time.Time, with authorities) (*issued, error) {
	var err error
	out := &issued{authorities: with}
	if public.tls != nil {
		if out.tls, err = j.cluster.TLS(s, public.tls, until); err != nil {
			return nil, err
		}
	}
	if public.ssh != nil {
		if out.ssh, err = j.cluster.SSH(s, public.ssh, until); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// legacy is the older message for it.
func (i *issued) legacy() *proto.Certs {
	certs := &proto.Certs{TLSCACerts: pki.PEMs(i.forTLS), SSHCACerts: pki.AuthorizedKeys(i.forSSH)}
	if i.tls != nil {
		certs.TLS = pki.PEM(i.tls)
	}
	if i.ssh != nil {
		certs.SSH = ssh.MarshalAuthorizedKey(i.ssh)
	}
	return certs
}

// joinKeys are the keys of a join: up to version 16, the SSH key for both.
func (j *joining) joinKeys(r *types.RegisterUsingTokenRequest) (publicKeys, error) {
	public, err := sshKey(r.PublicSSHKey)
	if err != nil {
		return publicKeys{}, err
	}
	if !j.profile.separateKeys {
		tls, err := cryptoKey(public)
		return publicKeys{tls, public}, err
	}
	tls, err := keys.ParsePublicKey(r.PublicTLSKey)
	return publicKeys{tls, public}, trace.Wrap(err)
}

func sshKey(line []byte) (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey(line)
	return key, trace.Wrap(err)
}

func cryptoKey(key ssh.PublicKey) (crypto.PublicKey, error) {
	with, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil, trace.BadParameter("unsupported key type %q", key.Type())
	}
	return with.CryptoPublicKey(), nil
}

// botSubject is a bot itself, with its own role.
func (j *joining) botSubject(user *types.UserV2, bot string, s step, renewable bool) pki.Subject {
	subject := pki.Subject{
		User:             user.GetName(),
		Roles:            user.GetRoles(),
		Logins:           []string{"-teleport-internal-join", "-teleport-nologin-" + uuid.NewString()},
		Traits:           `{"logins":null}`,
		RouteToCluster:   j.cluster.Name,
		Cluster:          j.cluster.Name,
		PrivateKeyPolicy: "none",
		Renewable:        renewable,
		Generation:       s.generation,
	}
	if j.profile.instances {
		subject.Bot, subject.BotInstance = bot, s.instance
	}
	return subject
}
