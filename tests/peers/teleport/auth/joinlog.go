// joinlog.go remembers every attempt to join, and every renewal, for tests to count.
// It must not hold a secret.

package main

import (
	"slices"
	"sync"
	"time"
)

// joinEntry is one attempt.
type joinEntry struct {
	Time time.Time `json:"time"`
	// Endpoint is how the request came: see the constants.
	Endpoint string `json:"endpoint"`
	Method   string `json:"method,omitempty"`
	User     string `json:"user,omitempty"`
	Instance string `json:"instance,omitempty"`
	// Generation is the one that was given.
	Generation uint64 `json:"generation,omitempty"`
	// As is the bot instance as whom the request came, if it came as one.
	As    string `json:"as,omitempty"`
	Error string `json:"error,omitempty"`
}

const (
	viaProxyHTTP = "proxy-http"
	viaAuthHTTP  = "auth-http"
	viaRegister  = "auth-register"
	viaAuthJoin  = "auth-join"
	viaProxyJoin = "proxy-join"
	viaRenewal   = "renewal"
	viaRoles     = "roles"
)

type joinLog struct {
	mu      sync.Mutex
	entries []joinEntry
}

func (l *joinLog) add(e joinEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

func (l *joinLog) all() []joinEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]joinEntry{}, slices.Clone(l.entries)...)
}
