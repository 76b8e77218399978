// cache.go is the lagging view that reads, lists and events are served from. A real
// auth server reads from a cache that follows its backend by polling (observed on
// Teleport 14 with SQLite: a poll each second), so a read straight after a write may
// show the state before it. The cache must never write to the store.

package main

import (
	"context"
	"maps"
	"sync"
	"time"
)

type cache struct {
	store *store

	mu       sync.Mutex
	lag      time.Duration
	records  map[key]record
	watchers map[*watcher]bool
	retimed  chan struct{}
}

// newCache returns a cache that follows s and applies all pending writes at each
// tick of lag. With no lag it applies them as soon as refresh is called.
func newCache(s *store, lag time.Duration) *cache {
	return &cache{
		store:    s,
		lag:      lag,
		records:  map[key]record{},
		watchers: map[*watcher]bool{},
		retimed:  make(chan struct{}, 1),
	}
}

// get answers from the cache and, for what is not in it, from the store: a new
// resource is seen at once, a changed or deleted one only after the tick.
func (c *cache) get(kind, name string) (record, bool) {
	c.mu.Lock()
	r, ok := c.records[key{kind, name}]
	c.mu.Unlock()
	if ok {
		return r, true
	}
	return c.store.get(kind, name)
}

func (c *cache) all(kind string) []record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return collect(c.records, kind)
}

// run polls until ctx ends.
func (c *cache) run(ctx context.Context) {
	for ctx.Err() == nil {
		c.poll(ctx, c.period())
	}
}

// poll applies pending writes each period until the period changes.
func (c *cache) poll(ctx context.Context, period time.Duration) {
	var tick <-chan time.Time
	if period > 0 {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.retimed:
			return
		case <-tick:
			c.apply()
		}
	}
}

func (c *cache) period() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lag
}

// setLag changes the poll period; zero means that writes are seen at once.
func (c *cache) setLag(lag time.Duration) {
	c.mu.Lock()
	c.lag = lag
	c.mu.Unlock()
	select {
	case c.retimed <- struct{}{}:
	default:
	}
	c.refresh()
}

// refresh is called after each write; it only acts when there is no lag.
func (c *cache) refresh() {
	if c.period() == 0 {
		c.apply()
	}
}

func (c *cache) apply() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range c.store.drain() {
		k := key{change.kind, change.name}
		if change.after == nil {
			delete(c.records, k)
		} else {
			c.records[k] = *change.after
		}
		for w := range maps.Keys(c.watchers) {
			w.offer(change)
		}
	}
}

// watcherBuffer bounds the changes that a slow watcher may leave unread.
const watcherBuffer = 4096

// watcher receives the changes of some kinds as the cache applies them.
type watcher struct {
	kinds   map[string]bool
	changes chan change
	overrun chan struct{}
	once    sync.Once
}

func (c *cache) watch(kinds map[string]bool) *watcher {
	w := &watcher{kinds: kinds, changes: make(chan change, watcherBuffer), overrun: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers[w] = true
	return w
}

func (c *cache) unwatch(w *watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.watchers, w)
}

func (w *watcher) offer(ch change) {
	if !w.kinds[ch.kind] {
		return
	}
	select {
	case w.changes <- ch:
	default:
		w.once.Do(func() { close(w.overrun) })
	}
}
