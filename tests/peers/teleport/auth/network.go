// network.go is what tests do to the lines: the auth server's port, the proxy's, and the
// load balancer's. It must not know what is said on them.

package main

import (
	"crypto/tls"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gravitational/trace"

	"teleport-operator/tests/peers/teleport/line"
	"teleport-operator/tests/peers/teleport/pki"
	"teleport-operator/tests/peers/teleport/proxy"
)

// network has the lines by name, and what shows web certificates.
type network struct {
	lines    map[string]*line.Line
	web      *pki.Web
	proxy    *proxy.Proxy
	balancer *proxy.Balancer
}

// lineChange is what to do to a line.
type lineChange struct {
	Name string `json:"name"`
	// Up opens or closes it; absent leaves it as it is.
	Up *bool `json:"up"`
	// Reset breaks what is open.
	Reset bool `json:"reset"`
	// DelayMS lets later connections wait; absent leaves it as it is.
	DelayMS *int `json:"delay_ms"`
}

func (n *network) change(c lineChange) error {
	l, ok := n.lines[c.Name]
	if !ok {
		return trace.NotFound("name: there is no line %q; there are %s", c.Name, strings.Join(slices.Sorted(maps.Keys(n.lines)), ", "))
	}
	if c.DelayMS != nil {
		l.SetDelay(time.Duration(*c.DelayMS) * time.Millisecond)
	}
	if c.Reset {
		l.Reset()
	}
	if c.Up == nil {
		return nil
	}
	if *c.Up {
		return l.Mend()
	}
	l.Cut()
	return nil
}

// accepted is how many connections each line had.
func (n *network) accepted() map[string]int {
	counts := map[string]int{}
	for name, l := range n.lines {
		counts[name] = l.Accepted()
	}
	return counts
}

// present changes the certificate that browsers see.
func (n *network) present(kind pki.WebKind) error {
	if n.web == nil {
		return trace.NotFound("there is no proxy")
	}
	certificate, err := n.web.Certificate(kind)
	if err != nil {
		return err
	}
	for _, show := range n.shows() {
		show(certificate)
	}
	return nil
}

func (n *network) shows() []func(tls.Certificate) {
	shows := []func(tls.Certificate){n.proxy.Present}
	if n.balancer != nil {
		shows = append(shows, n.balancer.Present)
	}
	return shows
}

func (n *network) setMood(mood proxy.Mood) error {
	if n.balancer == nil {
		return trace.NotFound("there is no load balancer")
	}
	return n.balancer.SetMood(mood)
}

func (n *network) stop() {
	if n.balancer != nil {
		n.balancer.Stop()
	}
	if n.proxy != nil {
		n.proxy.Stop()
	}
}
