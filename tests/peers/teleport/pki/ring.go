// ring.go is one of a cluster's authorities over time: who signs now, and who is trusted.
// It knows the phases of Teleport's rotation, and must not know what is signed.

package pki

import (
	"time"

	"github.com/gravitational/trace"
)

// Phase is a step of a rotation; see the constants.
type Phase string

const (
	// Standby: one authority, and no rotation goes on.
	Standby Phase = "standby"
	// Init: a new authority is trusted, and signs nothing yet.
	Init Phase = "init"
	// UpdateClients: the new one signs for clients; servers still show the old one's.
	UpdateClients Phase = "update_clients"
	// UpdateServers: the new one signs for servers too; the old one is still trusted.
	UpdateServers Phase = "update_servers"
)

// following gives the phase from which each can be entered.
var following = map[Phase]Phase{Init: Standby, UpdateClients: Init, UpdateServers: UpdateClients, Standby: UpdateServers}

// ring holds the present authority first and, during a rotation, the next one.
type ring struct {
	present, next *Authority
}

// signer signs for clients in the phase.
func (r ring) signer(phase Phase) *Authority {
	if phase == UpdateClients || phase == UpdateServers {
		return r.next
	}
	return r.present
}

// server signs for servers in the phase.
func (r ring) server(phase Phase) *Authority {
	if phase == UpdateServers {
		return r.next
	}
	return r.present
}

// trusted are those whose signatures count, the one that signs first.
func (r ring) trusted(phase Phase) []*Authority {
	switch {
	case r.next == nil:
		return []*Authority{r.present}
	case phase == Init:
		return []*Authority{r.present, r.next}
	}
	return []*Authority{r.next, r.present}
}

// enter is the ring after the phase has begun.
func (r ring) enter(phase Phase, cluster string, now time.Time) (ring, error) {
	switch phase {
	case Init:
		next, err := newAuthority(cluster, now)
		return ring{r.present, next}, err
	case Standby:
		return ring{present: r.next}, nil
	}
	return r, nil
}

func (c *Cluster) checkPhase(phase Phase) error {
	from, ok := following[phase]
	if !ok {
		return trace.BadParameter("phase: %q is none; there are init, update_clients, update_servers and standby", phase)
	}
	if from != c.phase {
		return trace.BadParameter("phase: %s follows %s, and the present one is %s", phase, from, c.phase)
	}
	return nil
}
