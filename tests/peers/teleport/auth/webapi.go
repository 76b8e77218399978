// webapi.go is what a proxy serves over HTTP: discovery and joining. All paths are there
// with and without a leading /v1. Tests can let it answer as something else.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gravitational/teleport/api/client/webclient"
	"github.com/gravitational/teleport/api/trail"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
)

// suiteName is what clusters that were made by version 17 or later have.
const suiteName = "balanced-v1"

// disguise is how the web answers instead of as a proxy, while Times is not zero.
type disguise struct {
	// Path is a path, without /v1; empty is every one.
	Path        string `json:"path"`
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
	LatencyMS   int    `json:"latency_ms"`
	// Times is how many requests are answered so; -1 is all until the next disguise.
	Times int `json:"times"`
}

// web is the proxy's HTTP service.
type web struct {
	about   *about
	profile profile
	// address is what clients should use, TLS routing or not.
	address func() string
	routing bool
	faults  *faults

	mu       sync.Mutex
	disguise disguise
}

func (w *web) handler(join http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /webapi/ping", w.ping)
	mux.HandleFunc("GET /webapi/ping/{connector}", w.ping)
	mux.HandleFunc("GET /webapi/find", w.find)
	if w.profile.proxyHTTP {
		mux.Handle("POST /webapi/host/credentials", join)
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1"), "/")
		if met := w.faults.begin(r.URL.Path); met != nil && !met.overHTTP(rw) {
			return
		}
		if w.disguised(rw, r.URL.Path) {
			return
		}
		mux.ServeHTTP(rw, r)
	})
}

// overHTTP meets the fault, and says whether the request is served nevertheless.
func (f *fault) overHTTP(w http.ResponseWriter) bool {
	time.Sleep(f.delay())
	if f.err() == nil {
		return true
	}
	refuse(w, trail.FromGRPC(f.err()))
	return false
}

func (w *web) setDisguise(d disguise) error {
	if d.Status != 0 && (d.Status < 100 || d.Status > 599) {
		return trace.BadParameter("status: %d is none", d.Status)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disguise = d
	return nil
}

func (w *web) disguised(rw http.ResponseWriter, path string) bool {
	w.mu.Lock()
	d := w.disguise
	if d.Times == 0 || (d.Path != "" && d.Path != path) {
		w.mu.Unlock()
		return false
	}
	if d.Times > 0 {
		w.disguise.Times--
	}
	w.mu.Unlock()
	time.Sleep(time.Duration(d.LatencyMS) * time.Millisecond)
	if d.Status == 0 {
		return false
	}
	rw.Header().Set("Content-Type", d.ContentType)
	rw.WriteHeader(d.Status)
	_, _ = rw.Write([]byte(d.Body))
	return true
}

func (w *web) ping(rw http.ResponseWriter, _ *http.Request) {
	answer := w.settings()
	answer.Auth = webclient.AuthenticationSettings{
		Type: "local", SecondFactor: "otp", Local: &webclient.LocalSettings{Name: "local"},
		PrivateKeyPolicy: "none", DeviceTrust: webclient.DeviceTrustSettings{Disabled: true},
		DefaultSessionTTL: types.Duration(12 * time.Hour),
	}
	w.say(rw, answer)
}

func (w *web) find(rw http.ResponseWriter, _ *http.Request) {
	w.say(rw, w.settings())
}

func (w *web) settings() *webclient.PingResponse {
	version, oldest, cluster := w.about.versions()
	address := w.address()
	return &webclient.PingResponse{
		Proxy: webclient.ProxySettings{
			TLSRoutingEnabled: w.routing,
			SSH: webclient.SSHProxySettings{
				ListenAddr: address, TunnelListenAddr: address, WebListenAddr: address, PublicAddr: address,
			},
		},
		ServerVersion:    version,
		MinClientVersion: oldest,
		ClusterName:      cluster,
	}
}

// say writes the answer; the suite is there from version 17 on.
func (w *web) say(rw http.ResponseWriter, answer *webclient.PingResponse) {
	if w.profile.suite {
		answer.Auth.SignatureAlgorithmSuite = types.SignatureAlgorithmSuite_SIGNATURE_ALGORITHM_SUITE_BALANCED_V1
	}
	text, err := json.Marshal(answer)
	if err != nil {
		refuse(rw, err)
		return
	}
	if w.profile.suiteNumber {
		name, number := fmt.Appendf(nil, `"%s"`, suiteName), fmt.Append(nil, int(answer.Auth.SignatureAlgorithmSuite))
		text = bytes.Replace(text, name, number, 1)
	}
	rw.Header().Set("Content-Type", "application/json")
	// The client is gone if this fails, and nobody is left to tell.
	_, _ = rw.Write(text)
}
