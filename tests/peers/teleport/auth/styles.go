// styles.go builds a kind from a message type in one of the forms that Teleport's
// resources have: legacy types with a CheckAndSetDefaults of their own, plain
// protos with a header.v1 metadata, and plain protos that stand for a Go type. It must
// not name a kind.

package main

import (
	"encoding/json"

	headerv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/header/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// legacyMessage is a resource of package types.
type legacyMessage interface {
	message
	types.Resource
	CheckAndSetDefaults() error
}

// plainMessage is a resource made by the standard protobuf generator.
type plainMessage interface {
	message
	types.ProtoResource153
}

// newKind is a kind without its resource form. Errors get the texts of Teleport's
// generic resource service.
func newKind[M message](b *backend, name, version string) *kind[M] {
	missing := func(n string) error { return trace.NotFound("%s %q doesn't exist", name, n) }
	return &kind[M]{
		backend: b,
		name:    name,
		version: version,
		rules:   []string{name},
		path:    "/" + name + "/%s",
		absent:  missing,
		gone:    missing,
		taken:   func(n string) error { return trace.AlreadyExists("%s %q already exists", name, n) },
	}
}

func legacy[M legacyMessage](b *backend, name, version string) *kind[M] {
	k := newKind[M](b, name, version)
	k.check = func(m M) error { return m.CheckAndSetDefaults() }
	k.meta = func(m M) metadata { return m }
	k.encode = func(m M) ([]byte, error) { return json.Marshal(m) }
	k.decode = func(body []byte) (M, error) {
		m := newMessage[M]()
		return m, json.Unmarshal(body, m)
	}
	k.event = func(m M) (types.Resource, error) { return m, nil }
	return k
}

// plain is a kind of plain protos. The module has a validation function for some of
// them only; the others are checked for what every resource needs.
func plain[M plainMessage](b *backend, name, version string, validate func(M) error) *kind[M] {
	k := newKind[M](b, name, version)
	k.check = func(m M) error {
		if m.GetMetadata() == nil {
			return trace.BadParameter("metadata: must be non-nil")
		}
		if err := expect("kind", m.GetKind(), name); err != nil {
			return err
		}
		if err := expect("version", m.GetVersion(), version); err != nil {
			return err
		}
		return validate(m)
	}
	k.meta = func(m M) metadata { return types.ProtoResource153ToLegacy(m) }
	k.encode = func(m M) ([]byte, error) { return json.Marshal(types.ProtoResource153ToLegacy(m)) }
	k.decode = func(body []byte) (M, error) {
		m := newMessage[M]()
		return m, protojson.Unmarshal(body, m)
	}
	k.event = func(m M) (types.Resource, error) { return types.ProtoResource153ToLegacy(m), nil }
	return k
}

func expect(field, got, want string) error {
	if got != want {
		return trace.BadParameter("%s: expected %q, got %q", field, want, got)
	}
	return nil
}

// convertedMessage is a plain proto with a header, whose official form is a Go type.
type convertedMessage interface {
	message
	proto.Message
	GetHeader() *headerv1.ResourceHeader
}

// converted is a kind whose message is checked, completed and written as JSON by turning
// it into a Go type and back.
func converted[M convertedMessage, G any, PG interface {
	*G
	types.Resource
}](b *backend, name, version string, from func(M) (PG, error), to func(PG) M) *kind[M] {
	k := newKind[M](b, name, version)
	// The official conversions expect the metadata to be there.
	official := func(m M) (PG, error) {
		if m.GetHeader().GetMetadata() == nil {
			return nil, trace.BadParameter("header.metadata is missing")
		}
		return from(m)
	}
	k.check = func(m M) error {
		g, err := official(m)
		if err != nil {
			return err
		}
		proto.Reset(m)
		proto.Merge(m, to(g))
		return nil
	}
	k.meta = func(m M) metadata { return types.Resource153ToLegacy(m.GetHeader()) }
	k.encode = func(m M) ([]byte, error) {
		g, err := official(m)
		if err != nil {
			return nil, err
		}
		return json.Marshal(g)
	}
	k.decode = func(body []byte) (M, error) {
		g := PG(new(G))
		if err := json.Unmarshal(body, g); err != nil {
			var none M
			return none, trace.Wrap(err)
		}
		return to(g), nil
	}
	k.event = func(m M) (types.Resource, error) { return official(m) }
	return k
}

// unchecked is for plain protos whose validation is not in the module.
func unchecked[M any](M) error { return nil }

// says makes an error of one of trace's kinds from a format with one %v for the name.
func says(kind func(string, ...any) trace.Error, format string) func(string) error {
	return func(name string) error { return kind(format, name) }
}
