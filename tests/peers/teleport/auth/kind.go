// kind.go is what all kinds of resources have in common: reading from the cache,
// writing to the store, the conditional update, the official checks, and the
// permission that each of these needs. What sets a kind apart is data in its fields;
// no kind may be named here.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// maxPage is the largest page of a list, and the size of one that is not asked for.
const maxPage = 1000

// errRevision is Teleport's answer to a conditional write with a revision that is
// empty, outdated, or of a resource that does not exist.
var errRevision = &trace.CompareFailedError{Message: "resource revision does not match, it may have been concurrently created|modified|deleted; please work from the latest state, or use --force to overwrite"}

// message is a protobuf message of either generator that Teleport uses.
type message = protoadapt.MessageV1

// metadata is the part of a resource's metadata that the server itself touches.
type metadata interface {
	GetName() string
	GetRevision() string
	SetRevision(string)
}

// backend is what every kind works on.
type backend struct {
	store  *store
	cache  *cache
	access *access
}

// kind is one kind of resource. The functions are never nil unless it is said.
type kind[M message] struct {
	*backend
	name    string
	version string
	// within is the resource in which a name is unique, where that is not the cluster. It
	// may be nil.
	within func(M) string
	// rules are the kinds whose role rules grant access to this one.
	rules []string
	// path is the storage key that errors about names show, with a %s for the name.
	path string
	// check is the official validation and defaulting; it changes its argument.
	check func(M) error
	meta  func(M) metadata
	// encode and decode are the official JSON form.
	encode func(M) ([]byte, error)
	decode func([]byte) (M, error)
	// event gives what the watch stream carries. It is nil for an unwatchable kind.
	event func(M) (types.Resource, error)
	// absent, taken and gone are the errors of a read, create and delete.
	absent, taken, gone func(name string) error
	// unconditional says that an update ignores the revision, as some of Teleport's do.
	unconditional bool
	// sought says that an update of what does not exist is "not found" and no conflict.
	sought bool
	// prepare refuses or completes a write. It may be nil.
	prepare func(ctx context.Context, m M) error
	// release refuses a deletion. It may be nil.
	release func(name string) error
	// labelled says that a reader's roles must also match the resource's labels.
	labelled bool
}

func (k *kind[M]) get(ctx context.Context, name string) (M, error) {
	return k.getWith(ctx, name, types.VerbRead)
}

// getWith reads one resource if the caller has the verb.
func (k *kind[M]) getWith(ctx context.Context, name, verb string) (M, error) {
	var none M
	if err := k.access.check(ctx, k.rules, verb); err != nil {
		return none, err
	}
	m, err := k.read(k.cache, name)
	if err != nil {
		return none, err
	}
	if k.labelled && !k.access.matches(ctx, k.name, m) {
		return none, trace.NotFound("not found")
	}
	return m, nil
}

// list reads all resources that the caller may see, sorted by name.
func (k *kind[M]) list(ctx context.Context) ([]M, error) {
	return k.listWith(ctx, types.VerbRead)
}

// listWith is list for a caller who needs only another verb than read.
func (k *kind[M]) listWith(ctx context.Context, verb string) ([]M, error) {
	if err := k.access.check(ctx, k.rules, types.VerbList, verb); err != nil {
		return nil, err
	}
	return k.visible(ctx, k.cache)
}

// page reads at most size resources from the name in token on; the second result is
// the token of the next page, empty at the end.
func (k *kind[M]) page(ctx context.Context, size int32, token string) ([]M, string, error) {
	if k.labelled {
		all, err := k.list(ctx)
		if err != nil {
			return nil, "", err
		}
		items, next := paginate(all, size, token, k.title)
		return items, next, nil
	}
	if err := k.access.check(ctx, k.rules, types.VerbList, types.VerbRead); err != nil {
		return nil, "", err
	}
	// Only the page is parsed: with many resources the rest would take most of the time.
	records, next := paginate(k.cache.all(k.name), size, token, func(r record) string { return r.Name })
	items := make([]M, 0, len(records))
	for _, r := range records {
		m, err := k.parse(r)
		if err != nil {
			return nil, "", err
		}
		items = append(items, m)
	}
	return items, next, nil
}

func (k *kind[M]) create(ctx context.Context, m M) (M, error) {
	return k.write(ctx, m, k.ifAbsent, types.VerbCreate)
}

func (k *kind[M]) update(ctx context.Context, m M) (M, error) {
	return k.write(ctx, m, k.ifCurrent, types.VerbUpdate)
}

func (k *kind[M]) upsert(ctx context.Context, m M) (M, error) {
	return k.write(ctx, m, always, types.VerbCreate, types.VerbUpdate)
}

func (k *kind[M]) delete(ctx context.Context, name string) error {
	if err := k.access.check(ctx, k.rules, types.VerbDelete); err != nil {
		return err
	}
	return k.remove(ctx, name)
}

// write checks verbs, completes m and stores it if the guard agrees.
func (k *kind[M]) write(ctx context.Context, m M, allow func(name, revision string) guard, verbs ...string) (M, error) {
	var none M
	if err := k.access.check(ctx, k.rules, verbs...); err != nil {
		return none, err
	}
	if err := k.complete(ctx, m); err != nil {
		return none, err
	}
	return m, k.save(ctx, m, allow)
}

// complete validates m, sets its defaults and lets the kind have its say.
func (k *kind[M]) complete(ctx context.Context, m M) error {
	if err := k.validate(m); err != nil {
		return err
	}
	if k.prepare == nil {
		return nil
	}
	return k.prepare(ctx, m)
}

func (k *kind[M]) validate(m M) error {
	if reflect.ValueOf(m).IsNil() {
		return trace.BadParameter("missing %s", k.name)
	}
	if err := k.check(m); err != nil {
		return trace.Wrap(err)
	}
	return checkName(k.path, k.meta(m).GetName())
}

// save stores a complete m and puts its new revision into it.
func (k *kind[M]) save(ctx context.Context, m M, allow func(name, revision string) guard) error {
	meta := k.meta(m)
	expected := meta.GetRevision()
	r, err := k.record(m)
	if err != nil {
		return err
	}
	revision, err := k.store.put(callOf(ctx), r, allow(r.Name, expected))
	if err != nil {
		return err
	}
	k.cache.refresh()
	meta.SetRevision(revision)
	return nil
}

func (k *kind[M]) remove(ctx context.Context, name string) error {
	if k.release != nil {
		if err := k.release(name); err != nil {
			return err
		}
	}
	return k.drop(ctx, name)
}

func (k *kind[M]) read(from reader, name string) (M, error) {
	r, ok := from.get(k.name, name)
	if !ok {
		var none M
		return none, k.absent(name)
	}
	return k.parse(r)
}

func (k *kind[M]) readAll(from reader) ([]M, error) {
	var all []M
	for _, r := range from.all(k.name) {
		m, err := k.parse(r)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func (k *kind[M]) visible(ctx context.Context, from reader) ([]M, error) {
	all, err := k.readAll(from)
	if err != nil || !k.labelled {
		return all, err
	}
	var seen []M
	for _, m := range all {
		if k.access.matches(ctx, k.name, m) {
			seen = append(seen, m)
		}
	}
	return seen, nil
}

func (k *kind[M]) parse(r record) (M, error) {
	m := newMessage[M]()
	if err := proto.Unmarshal(r.Value, protoadapt.MessageV2Of(m)); err != nil {
		return m, trace.Wrap(err)
	}
	k.meta(m).SetRevision(r.Revision)
	return m, nil
}

// title is the name under which m is stored.
func (k *kind[M]) title(m M) string {
	name := k.meta(m).GetName()
	if k.within != nil {
		return k.within(m) + "/" + name
	}
	return name
}

// record is m without its revision, ready to be stored.
func (k *kind[M]) record(m M) (record, error) {
	k.meta(m).SetRevision("")
	v2 := protoadapt.MessageV2Of(m)
	value, err := proto.Marshal(v2)
	if err != nil {
		return record{}, trace.Wrap(err)
	}
	text, err := k.encode(m)
	if err != nil {
		return record{}, trace.Wrap(err)
	}
	// protojson varies its spaces on purpose.
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return record{}, trace.Wrap(err)
	}
	return record{
		Kind:  k.name,
		Name:  k.title(m),
		JSON:  compact.Bytes(),
		Type:  string(v2.ProtoReflect().Descriptor().FullName()),
		Value: value,
	}, nil
}

func (k *kind[M]) ifAbsent(name, _ string) guard {
	return func(old *record) error {
		if old != nil {
			return k.taken(name)
		}
		return nil
	}
}

func (k *kind[M]) ifCurrent(name, revision string) guard {
	return func(old *record) error {
		switch {
		case old == nil && (k.sought || k.unconditional):
			return k.absent(name)
		case k.unconditional:
			return nil
		case old == nil || old.Revision != revision:
			return errRevision
		}
		return nil
	}
}

func always(_, _ string) guard {
	return func(*record) error { return nil }
}

// nameCharacters are those that Teleport's backend accepts in a part of a key.
var nameCharacters = regexp.MustCompile(`^[0-9A-Za-z@_:.\-+]*$`)

func checkName(path, name string) error {
	if name == "" {
		return trace.BadParameter("missing parameter Name")
	}
	if name == "." || name == ".." || !nameCharacters.MatchString(name) {
		return trace.BadParameter("special characters are not allowed in resource names, please use name composed only from characters, hyphens, dots, and plus signs: %q",
			strings.Replace(path, "%s", name, 1))
	}
	return nil
}

func newMessage[M message]() M {
	return reflect.New(reflect.TypeFor[M]().Elem()).Interface().(M)
}

// paginate cuts a page out of items that are sorted by name.
func paginate[M any](items []M, size int32, token string, name func(M) string) ([]M, string) {
	if size <= 0 || size > maxPage {
		size = maxPage
	}
	start := 0
	for start < len(items) && name(items[start]) < token {
		start++
	}
	end := start + int(size)
	if end >= len(items) {
		return items[start:], ""
	}
	return items[start:end], name(items[end])
}
