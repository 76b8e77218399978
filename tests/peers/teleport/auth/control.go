// control.go is the HTTP port through which tests look into the server and disturb it.
// Bodies and answers are JSON; an error is {"error": text} with status 400 or 404. It
// must only call what other files do.
//
//	GET    /dump[?kind=K]          {kind: {name: {revision, json, resource_type, resource_b64}}};
//	                               json and resource_b64 are without the revision
//	GET    /writes[?since=N]       the write log from after sequence N, oldest first
//	GET    /clock                  {ms}: now, on the write log's clock
//	GET    /calls                  {total, methods: {full method: count}}
//	POST   /calls/reset            counts start at zero
//	POST   /inject                 a fault {method, code, message, times, latency_ms, applied};
//	                               see its type in faults.go; the first one that fits is met
//	POST   /inject/clear           no faults any more
//	POST   /unavailable            {on}: every call answers UNAVAILABLE, open streams end with it
//	POST   /lag                    {ms}: the cache's poll period, 0 for none
//	POST   /features               laid over the features that Ping tells
//	POST   /version                {version}: what Ping tells
//	PUT    /resource/{kind}/{name} a resource in official JSON: stored under a new revision
//	                               after the official checks, without permission or references
//	                               ({"metadata":{"name":N},"spec":{"roles":["operator"]}} is a bot)
//	DELETE /resource/{kind}/{name} the resource goes, even if it is in use
//
// Of joining (a bot and a token are resources):
//
//	GET    /joins                  every attempt to join, renewal ("renewal") and request for
//	                               other roles ("roles"), oldest first: {time, endpoint,
//	                               method, user, instance, generation, as, error}; endpoints
//	                               are in joinlog.go
//	POST   /certificates           {longest_ms, skew_ms}: no client's certificate lives longer
//	                               (0: as asked); the cluster's clock is ahead of ours
//	POST   /rotate                 {phase}: the next phase of a rotation of both authorities:
//	                               init, update_clients, update_servers, standby; with the last
//	                               two the auth server's connections end
//	POST   /kubernetes             {server, ca, token}: who reviews tokens of in_cluster joins;
//	                               ca is PEM, and without it nothing is verified
//
// Of the network:
//
//	GET    /lines                  {name: number of connections that were accepted}
//	POST   /line                   {name, up, reset, delay_ms}: name is auth, proxy or balancer;
//	                               up false refuses and ends all; reset breaks what is open;
//	                               delay_ms lets later connections wait
//	POST   /web                    a disguise {path, status, content_type, body, latency_ms,
//	                               times}: the web answers so; see its type in webapi.go
//	POST   /web-certificate        {kind}: signed, self, misnamed or expired
//	POST   /balancer               {mood}: ignoring or refusing protocols that it does not know
//
// Faults and counts of calls know requests to the web by their path: /webapi/find,
// /webapi/ping, /webapi/host/credentials.

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gravitational/trace"
)

// controlMethod is what the write log shows for a write of this port.
const controlMethod = "control"

type control struct {
	store  *store
	cache  *cache
	faults *faults
	about  *about
	table  map[string]anyKind

	joining *joining
	network *network
	// web is nil without a proxy.
	web *web
}

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dump", reply(c.dump))
	mux.HandleFunc("GET /writes", reply(c.writes))
	mux.HandleFunc("GET /clock", reply(func(*http.Request) (any, error) { return map[string]int64{"ms": c.store.age()}, nil }))
	mux.HandleFunc("GET /calls", reply(func(*http.Request) (any, error) { return c.faults.calls(), nil }))
	mux.HandleFunc("POST /calls/reset", act(func(*http.Request) error { c.faults.resetCalls(); return nil }))
	mux.HandleFunc("POST /inject", act(with(c.faults.inject)))
	mux.HandleFunc("POST /inject/clear", act(func(*http.Request) error { c.faults.clear(); return nil }))
	mux.HandleFunc("POST /unavailable", act(with(func(b struct{ On bool }) error { c.faults.setUnavailable(b.On); return nil })))
	mux.HandleFunc("POST /lag", act(with(c.setLag)))
	mux.HandleFunc("POST /features", act(with(func(b json.RawMessage) error { return c.about.mergeFeatures(b) })))
	mux.HandleFunc("POST /version", act(with(func(b struct{ Version string }) error { c.about.setVersion(b.Version); return nil })))
	c.handleJoining(mux)
	mux.HandleFunc("PUT /resource/{kind}/{name}", act(c.put))
	mux.HandleFunc("DELETE /resource/{kind}/{name}", act(c.remove))
	return mux
}

func (c *control) dump(r *http.Request) (any, error) {
	wanted := r.URL.Query().Get("kind")
	if _, ok := c.table[wanted]; wanted != "" && !ok {
		return nil, trace.NotFound("kind %q is not served here", wanted)
	}
	found := map[string]map[string]record{}
	for name, kind := range c.table {
		if wanted != "" && wanted != name {
			continue
		}
		records, err := kind.dump()
		if err != nil {
			return nil, err
		}
		found[name] = records
	}
	return found, nil
}

func (c *control) writes(r *http.Request) (any, error) {
	log := c.store.writes()
	since := r.URL.Query().Get("since")
	if since == "" {
		return log, nil
	}
	n, err := strconv.Atoi(since)
	if err != nil || n < 0 {
		return nil, trace.BadParameter("since: %q is no sequence number", since)
	}
	return log[min(n, len(log)):], nil
}

type lag struct {
	MS int `json:"ms"`
}

func (c *control) setLag(l lag) error {
	if l.MS < 0 {
		return trace.BadParameter("ms: %d is negative", l.MS)
	}
	c.cache.setLag(time.Duration(l.MS) * time.Millisecond)
	return nil
}

func (c *control) put(r *http.Request) error {
	kind, err := c.kind(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return trace.Wrap(err)
	}
	return kind.putJSON(withCall(r.Context(), call{method: controlMethod, trusted: true}), r.PathValue("name"), body)
}

func (c *control) remove(r *http.Request) error {
	kind, err := c.kind(r)
	if err != nil {
		return err
	}
	return kind.drop(withCall(r.Context(), call{method: controlMethod, trusted: true}), r.PathValue("name"))
}

func (c *control) kind(r *http.Request) (anyKind, error) {
	kind, ok := c.table[r.PathValue("kind")]
	if !ok {
		return nil, trace.NotFound("kind %q is not served here", r.PathValue("kind"))
	}
	return kind, nil
}

// with reads the request's body for f; unknown fields are errors.
func with[B any](f func(B) error) func(*http.Request) error {
	return func(r *http.Request) error {
		var body B
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&body); err != nil {
			return trace.BadParameter("%v", err)
		}
		return f(body)
	}
}

// act answers {} when f succeeds.
func act(f func(*http.Request) error) http.HandlerFunc {
	return reply(func(r *http.Request) (any, error) { return struct{}{}, f(r) })
}

func reply(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := f(r)
		code := http.StatusOK
		if err != nil {
			code, answer = http.StatusBadRequest, map[string]string{"error": trace.UserMessage(err)}
		}
		if trace.IsNotFound(err) {
			code = http.StatusNotFound
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		// The peer is gone if this fails, and nobody is left to tell.
		_ = json.NewEncoder(w).Encode(answer)
	}
}
