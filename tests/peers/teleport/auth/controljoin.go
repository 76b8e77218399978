// controljoin.go is the part of the control port about joining and the network. As the
// rest of it, it must only call what other files do.

package main

import (
	"net/http"
	"time"

	"github.com/gravitational/trace"

	"teleport-operator/tests/peers/teleport/kubetoken"
	"teleport-operator/tests/peers/teleport/pki"
	"teleport-operator/tests/peers/teleport/proxy"
)

func (c *control) handleJoining(mux *http.ServeMux) {
	mux.HandleFunc("GET /joins", reply(func(*http.Request) (any, error) { return c.joining.log.all(), nil }))
	mux.HandleFunc("POST /certificates", act(with(c.setCertificates)))
	mux.HandleFunc("POST /rotate", act(with(c.rotate)))
	mux.HandleFunc("POST /kubernetes", act(with(func(s kubetoken.Server) error { c.joining.setKubernetes(s); return nil })))
	mux.HandleFunc("GET /lines", reply(func(*http.Request) (any, error) { return c.network.accepted(), nil }))
	mux.HandleFunc("POST /line", act(with(c.network.change)))
	mux.HandleFunc("POST /web", act(with(c.disguise)))
	mux.HandleFunc("POST /web-certificate", act(with(func(b struct{ Kind pki.WebKind }) error { return c.network.present(b.Kind) })))
	mux.HandleFunc("POST /balancer", act(with(func(b struct{ Mood proxy.Mood }) error { return c.network.setMood(b.Mood) })))
}

type certificates struct {
	LongestMS *int `json:"longest_ms"`
	SkewMS    *int `json:"skew_ms"`
}

func (c *control) setCertificates(b certificates) error {
	if b.LongestMS != nil {
		c.joining.cluster.SetLongest(time.Duration(*b.LongestMS) * time.Millisecond)
	}
	if b.SkewMS != nil {
		c.joining.cluster.SetSkew(time.Duration(*b.SkewMS) * time.Millisecond)
	}
	return nil
}

// rotate begins a phase. Servers that get new certificates, or know clients by others, start
// anew, as Teleport's do.
func (c *control) rotate(b struct{ Phase pki.Phase }) error {
	if err := c.joining.cluster.Rotate(b.Phase); err != nil {
		return err
	}
	if b.Phase != pki.UpdateServers && b.Phase != pki.Standby {
		return nil
	}
	return c.network.change(lineChange{Name: "auth", Reset: true})
}

func (c *control) disguise(d disguise) error {
	if c.web == nil {
		return trace.NotFound("there is no proxy")
	}
	return c.web.setDisguise(d)
}
