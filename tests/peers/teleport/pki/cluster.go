// cluster.go is a cluster's two authorities, its clock, and how long what they sign may
// live. Tests turn all three.

package pki

import (
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Cluster has the authorities for hosts and for users. Keys live only as long as it.
type Cluster struct {
	Name string

	mu         sync.Mutex
	host, user ring
	phase      Phase
	// longest bounds every certificate for a client; zero is no bound.
	longest time.Duration
	skew    time.Duration
	server  *serverCertificate
}

// New makes both authorities.
func New(name string) (*Cluster, error) {
	host, err := newAuthority(name, time.Now())
	if err != nil {
		return nil, err
	}
	user, err := newAuthority(name, time.Now())
	return &Cluster{Name: name, host: ring{present: host}, user: ring{present: user}, phase: Standby}, err
}

// Rotate begins a phase of the rotation of both authorities.
func (c *Cluster) Rotate(phase Phase) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkPhase(phase); err != nil {
		return err
	}
	host, err := c.host.enter(phase, c.Name, c.now())
	if err != nil {
		return err
	}
	user, err := c.user.enter(phase, c.Name, c.now())
	if err != nil {
		return err
	}
	c.host, c.user, c.phase, c.server = host, user, phase, nil
	return nil
}

// SetLongest bounds the life of every client's certificate that is signed from now on.
func (c *Cluster) SetLongest(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.longest = d
}

// SetSkew puts the clock of this cluster forward, or back.
func (c *Cluster) SetSkew(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew, c.server = d, nil
}

// Now is the cluster's time.
func (c *Cluster) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Cluster) now() time.Time { return time.Now().Add(c.skew) }

// Hosts are the authorities that servers are known by.
func (c *Cluster) Hosts() []*Authority {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.host.trusted(c.phase)
}

// Users are the authorities that clients are known by.
func (c *Cluster) Users() []*Authority {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user.trusted(c.phase)
}

// HostPEM is the bundle of the host authorities.
func (c *Cluster) HostPEM() []byte {
	var bundle []byte
	for _, authority := range c.Hosts() {
		bundle = append(bundle, authority.PEM()...)
	}
	return bundle
}

// PEMs are the certificates of authorities, one by one.
func PEMs(authorities []*Authority) [][]byte {
	var all [][]byte
	for _, authority := range authorities {
		all = append(all, authority.PEM())
	}
	return all
}

// AuthorizedKeys are the public keys of authorities, as lines.
func AuthorizedKeys(authorities []*Authority) [][]byte {
	var all [][]byte
	for _, authority := range authorities {
		all = append(all, ssh.MarshalAuthorizedKey(authority.SSH()))
	}
	return all
}
