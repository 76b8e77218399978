// What the roots reach through field, request and response types.
// Must not change descriptors: it only names what is needed.

package main

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// standard is where the protobuf library's own files lie: every compiler brings them, so they are not printed.
const standard = "google/protobuf/"

// reachable is what must be there when all roots are to work.
type reachable struct {
	newer sources
	// names of messages (complete ones: all of their fields are followed), enums and methods
	names map[protoreflect.FullName]bool
	// extensions that are used as options
	extensions map[protoreflect.FullName]bool
	// files by import path that something needs: those of the names, and what sources import
	files map[string]bool
	// events of streams, by name: of their choices only what is reached otherwise is kept. An event may be any
	// resource that there is.
	events map[protoreflect.FullName]bool
}

// reach follows the roots. All roots that no file holds are reported at once.
func reach(roots []root, linked linker.Files, newer sources) (*reachable, error) {
	r := &reachable{
		newer:      newer,
		names:      map[protoreflect.FullName]bool{},
		extensions: map[protoreflect.FullName]bool{},
		files:      map[string]bool{},
		events:     map[protoreflect.FullName]bool{},
	}
	var unknown []error
	for _, root := range roots {
		if err := r.root(root, linked); err != nil {
			unknown = append(unknown, err)
		}
	}
	return r, errors.Join(unknown...)
}

// sources returns the newer files that are needed.
func (r *reachable) sources() sources {
	needed := maps.Clone(r.newer)
	maps.DeleteFunc(needed, func(path, _ string) bool { return !r.files[path] })
	return needed
}

func (r *reachable) root(root root, linked linker.Files) error {
	service, method, _ := strings.Cut(root.name, "/")
	found, err := linked.AsResolver().FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return fmt.Errorf("%s: %q is neither in the API module nor in the newer protos", root.file, root.name)
	}
	switch found := found.(type) {
	case protoreflect.MessageDescriptor:
		if !root.method {
			r.message(found)
			return nil
		}
	case protoreflect.ServiceDescriptor:
		if method := found.Methods().ByName(protoreflect.Name(method)); method != nil {
			if root.events != nil && method.IsStreamingServer() {
				r.event(method.Output(), root.events)
			}
			r.method(method)
			return nil
		}
		if root.method {
			return fmt.Errorf("%s: %q: the service has no such method", root.file, root.name)
		}
	}
	want := "message"
	if root.method {
		want = "service"
	}
	return fmt.Errorf("%s: %q: not a %s", root.file, root.name, want)
}

func (r *reachable) message(message protoreflect.MessageDescriptor) {
	if r.known(message) {
		return
	}
	r.options(message)
	for i := range message.Oneofs().Len() {
		r.options(message.Oneofs().Get(i))
	}
	for i := range message.Fields().Len() {
		r.field(message.Fields().Get(i))
	}
	if parent, ok := message.Parent().(protoreflect.MessageDescriptor); ok {
		r.message(parent)
	}
}

func (r *reachable) enum(enum protoreflect.EnumDescriptor) {
	if r.known(enum) {
		return
	}
	r.options(enum)
	for i := range enum.Values().Len() {
		r.options(enum.Values().Get(i))
	}
	if parent, ok := enum.Parent().(protoreflect.MessageDescriptor); ok {
		r.message(parent)
	}
}

func (r *reachable) field(field protoreflect.FieldDescriptor) {
	r.options(field)
	if field.Message() != nil {
		r.message(field.Message())
	}
	if field.Enum() != nil {
		r.enum(field.Enum())
	}
}

func (r *reachable) method(method protoreflect.MethodDescriptor) {
	if r.known(method) {
		return
	}
	r.options(method)
	r.options(method.Parent())
	r.message(method.Input())
	r.message(method.Output())
}

// event follows an event of a stream: all but its choices, and of these the fields with these names.
func (r *reachable) event(event protoreflect.MessageDescriptor, names map[string]bool) {
	if r.known(event) {
		return
	}
	r.events[event.FullName()] = true
	r.options(event)
	for i := range event.Fields().Len() {
		field := event.Fields().Get(i)
		if field.ContainingOneof() == nil || names[string(field.Name())] {
			r.field(field)
		}
	}
}

// options notes the extensions that the kept options of a declaration use.
func (r *reachable) options(declaration protoreflect.Descriptor) {
	declaration.Options().ProtoReflect().Range(func(option protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if option.IsExtension() && keptOption(option) && !r.extensions[option.FullName()] {
			r.extensions[option.FullName()] = true
			r.file(option.ParentFile())
			r.field(option)
		}
		return true
	})
}

// known says whether there is nothing more to follow, and notes that the declaration is needed.
func (r *reachable) known(declaration protoreflect.Descriptor) bool {
	if strings.HasPrefix(declaration.ParentFile().Path(), standard) || r.names[declaration.FullName()] {
		return true
	}
	r.names[declaration.FullName()] = true
	r.file(declaration.ParentFile())
	return false
}

// file notes that a file is needed. A source is not pruned, so all that it declares and imports is needed too.
func (r *reachable) file(file protoreflect.FileDescriptor) {
	if r.files[file.Path()] {
		return
	}
	r.files[file.Path()] = true
	if _, source := r.newer[file.Path()]; !source {
		return
	}
	for i := range file.Imports().Len() {
		r.file(file.Imports().Get(i))
	}
	r.messages(file.Messages())
	r.enums(file.Enums())
	for i := range file.Extensions().Len() {
		r.field(file.Extensions().Get(i))
	}
	for i := range file.Services().Len() {
		methods := file.Services().Get(i).Methods()
		for j := range methods.Len() {
			r.method(methods.Get(j))
		}
	}
}

func (r *reachable) messages(messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		r.message(messages.Get(i))
		r.messages(messages.Get(i).Messages())
		r.enums(messages.Get(i).Enums())
	}
}

func (r *reachable) enums(enums protoreflect.EnumDescriptors) {
	for i := range enums.Len() {
		r.enum(enums.Get(i))
	}
}
