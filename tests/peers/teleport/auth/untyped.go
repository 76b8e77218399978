// untyped.go is a kind for those who have only its name and JSON: the control port and
// the watch stream. No permission is checked here.

package main

import (
	"context"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
)

// anyKind is a kind without its message type.
type anyKind interface {
	kindName() string
	// dump gives all resources in the store by name.
	dump() (map[string]record, error)
	// putJSON stores a resource in its official JSON form, whatever is there.
	putJSON(ctx context.Context, name string, body []byte) error
	// drop deletes a resource even if it is in use.
	drop(ctx context.Context, name string) error
	watchable() bool
	toEvent(change) (types.Event, error)
}

func (k *kind[M]) kindName() string { return k.name }

func (k *kind[M]) dump() (map[string]record, error) {
	found := map[string]record{}
	for _, r := range k.store.all(k.name) {
		found[r.Name] = r
	}
	return found, nil
}

func (k *kind[M]) putJSON(ctx context.Context, name string, body []byte) error {
	m, err := k.decode(body)
	if err != nil {
		return trace.BadParameter("%v", err)
	}
	if err := k.validate(m); err != nil {
		return err
	}
	if err := expect("name", k.title(m), name); err != nil {
		return err
	}
	return k.save(ctx, m, always)
}

func (k *kind[M]) drop(ctx context.Context, name string) error {
	err := k.store.remove(callOf(ctx), k.name, name, func(old *record) error {
		if old == nil {
			return k.gone(name)
		}
		return nil
	})
	k.cache.refresh()
	return err
}

func (k *kind[M]) watchable() bool { return k.event != nil }

// toEvent is the change as the watch stream shows it; a deletion carries a header only.
func (k *kind[M]) toEvent(ch change) (types.Event, error) {
	if ch.after == nil {
		header := &types.ResourceHeader{Kind: k.name, Version: k.version, Metadata: types.Metadata{Name: ch.name}}
		return types.Event{Type: types.OpDelete, Resource: header}, nil
	}
	m, err := k.parse(*ch.after)
	if err != nil {
		return types.Event{}, err
	}
	resource, err := k.event(m)
	return types.Event{Type: types.OpPut, Resource: resource}, err
}
