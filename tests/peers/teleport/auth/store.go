// store.go is the backend: the truth about every resource, with its revision and
// the log of all writes. It knows nothing of gRPC, permissions or resource types,
// and it must never hand out a record that a later write could change.

package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// record is one stored resource. Value and JSON are without the revision.
type record struct {
	Kind     string          `json:"-"`
	Name     string          `json:"-"`
	Revision string          `json:"revision"`
	JSON     json.RawMessage `json:"json"`
	Type     string          `json:"resource_type"`
	Value    []byte          `json:"resource_b64"`
}

// write is one entry of the write log. A revision is empty where there was or is
// no resource.
type write struct {
	Sequence int       `json:"sequence"`
	Time     time.Time `json:"time"`
	// BeganMS and DoneMS are when the call came and when the write was done, in
	// milliseconds of the server's life, on a clock that nobody sets.
	BeganMS int64  `json:"began_ms"`
	DoneMS  int64  `json:"done_ms"`
	Method  string `json:"method"`
	// User is who wrote; empty where nobody showed a certificate.
	User           string `json:"user"`
	Kind           string `json:"kind"`
	Name           string `json:"name"`
	RevisionBefore string `json:"revision_before"`
	RevisionAfter  string `json:"revision_after"`
	Changed        bool   `json:"changed"`
}

// change is one write as the cache will see it; after is nil for a deletion.
type change struct {
	kind, name string
	after      *record
}

type key struct{ kind, name string }

// reader is a view of resources: the store itself, or a cache of it.
type reader interface {
	get(kind, name string) (record, bool)
	all(kind string) []record
}

// guard decides with the stored record (nil if there is none) whether a write may
// happen. It runs under the store's lock.
type guard func(old *record) error

type store struct {
	began   time.Time
	mu      sync.Mutex
	records map[key]record
	log     []write
	pending []change
	// journal outlives the process; nil where nothing need to.
	journal *journal
}

func newStore() *store {
	return &store{began: time.Now(), records: map[key]record{}}
}

// keep makes the store go on from a journal, and write all that happens to it.
func (s *store) keep(path string) error {
	if path == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	journal, err := openJournal(path, func(k key, r *record) {
		if r == nil {
			delete(s.records, k)
		} else {
			s.records[k] = *r
		}
		s.pending = append(s.pending, change{k.kind, k.name, r})
	})
	s.journal = journal
	return err
}

func (s *store) get(kind, name string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[key{kind, name}]
	return r, ok
}

func (s *store) all(kind string) []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return collect(s.records, kind)
}

// put stores r under a new revision, which it returns, unless allow refuses.
func (s *store) put(by call, r record, allow guard) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{r.Kind, r.Name}
	old := s.find(k)
	if err := allow(old); err != nil {
		return "", err
	}
	r.Revision = uuid.NewString()
	s.records[k] = r
	s.commit(by, k, old, &r)
	return r.Revision, nil
}

// remove deletes a resource unless allow refuses.
func (s *store) remove(by call, kind, name string, allow guard) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{kind, name}
	old := s.find(k)
	if err := allow(old); err != nil {
		return err
	}
	delete(s.records, k)
	s.commit(by, k, old, nil)
	return nil
}

// drain returns the writes since the last call, oldest first.
func (s *store) drain() []change {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending := s.pending
	s.pending = nil
	return pending
}

// writes returns the log, oldest first.
func (s *store) writes() []write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// age is how long the server has lived, in milliseconds.
func (s *store) age() int64 { return time.Since(s.began).Milliseconds() }

func (s *store) find(k key) *record {
	if r, ok := s.records[k]; ok {
		return &r
	}
	return nil
}

func (s *store) commit(by call, k key, before, after *record) {
	w := write{
		Sequence: len(s.log) + 1,
		Time:     time.Now().UTC(),
		BeganMS:  s.age(),
		DoneMS:   s.age(),
		Method:   by.method,
		User:     by.user,
		Kind:     k.kind,
		Name:     k.name,
		Changed:  true,
	}
	if !by.came.IsZero() {
		w.BeganMS = by.came.Sub(s.began).Milliseconds()
	}
	if before != nil {
		w.RevisionBefore = before.Revision
	}
	if after != nil {
		w.RevisionAfter = after.Revision
	}
	if before != nil && after != nil {
		w.Changed = !bytes.Equal(before.JSON, after.JSON)
	}
	s.journal.write(k, after)
	s.log = append(s.log, w)
	s.pending = append(s.pending, change{k.kind, k.name, after})
}

func collect(records map[key]record, kind string) []record {
	var found []record
	for k, r := range records {
		if k.kind == kind {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b record) int { return strings.Compare(a.Name, b.Name) })
	return found
}
