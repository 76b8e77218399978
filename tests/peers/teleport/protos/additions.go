// Adding what is younger than the API module to its files, before anything else sees them.
// Must not change or repeat what the module says.

package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// add returns the official files with the additions of the same import path merged in: a message of the module gains
// fields, other messages and enums are new ones. All that does not fit is reported at once.
func add(official protoFiles, additions sources) (protoFiles, error) {
	if len(additions) == 0 {
		return official, nil
	}
	all := maps.Clone(official)
	merge := merger{}
	for _, path := range slices.Sorted(maps.Keys(additions)) {
		if official[path] == nil {
			merge.problem("%s: the API module has no such file to add to: keep it in the folder of newer files", path)
			continue
		}
		file, err := parse(path, additions[path])
		if err != nil {
			return nil, err
		}
		all[path] = merge.file(proto.CloneOf(official[path]), file)
	}
	if len(merge.problems) > 0 {
		return nil, errors.Join(merge.problems...)
	}
	linked, err := link(nil, all)
	if err != nil {
		return nil, fmt.Errorf("with the additions: %w", err)
	}
	for path := range additions {
		file := linked.FindFileByPath(path)
		merge.used(file)
		all[path] = protoutil.ProtoFromFileDescriptor(file)
	}
	if len(merge.problems) > 0 {
		return nil, errors.Join(merge.problems...)
	}
	return parseOptions(all)
}

// parse reads a file without linking it: what it declares has meaning only together with the module's file.
func parse(path, text string) (*descriptorpb.FileDescriptorProto, error) {
	handler := reporter.NewHandler(nil)
	file, err := parser.Parse(path, strings.NewReader(text), handler)
	if err != nil {
		return nil, err
	}
	result, err := parser.ResultFromAST(file, false, handler)
	if err != nil {
		return nil, err
	}
	return result.FileDescriptorProto(), nil
}

// merger merges and remembers what went wrong and which messages are new.
type merger struct {
	problems []error
	created  []protoreflect.FullName
}

func (m *merger) problem(format string, values ...any) {
	m.problems = append(m.problems, fmt.Errorf(format, values...))
}

func (m *merger) file(into, from *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	if into.GetPackage() != from.GetPackage() {
		m.problem("%s: is of package %q, not %q", from.GetName(), into.GetPackage(), from.GetPackage())
		return into
	}
	for _, path := range from.GetDependency() {
		if !slices.Contains(into.Dependency, path) {
			into.Dependency = append(into.Dependency, path)
		}
	}
	scope := protoreflect.FullName(into.GetPackage())
	for _, message := range from.MessageType {
		into.MessageType = m.message(into.MessageType, message, scope)
	}
	into.EnumType = m.enums(into.EnumType, from.EnumType, scope)
	return into
}

// message adds to the message of the same name, or the whole message where there is none.
func (m *merger) message(
	messages []*descriptorpb.DescriptorProto, from *descriptorpb.DescriptorProto, scope protoreflect.FullName,
) []*descriptorpb.DescriptorProto {
	name := scope.Append(protoreflect.Name(from.GetName()))
	for _, into := range messages {
		if into.GetName() == from.GetName() {
			m.fields(into, from, name)
			for _, nested := range from.NestedType {
				into.NestedType = m.message(into.NestedType, nested, name)
			}
			into.EnumType = m.enums(into.EnumType, from.EnumType, name)
			return messages
		}
	}
	m.created = append(m.created, name)
	return append(messages, from)
}

func (m *merger) fields(into, from *descriptorpb.DescriptorProto, name protoreflect.FullName) {
	for _, field := range from.Field {
		same := func(known *descriptorpb.FieldDescriptorProto) bool {
			return known.GetName() == field.GetName() || known.GetNumber() == field.GetNumber()
		}
		if i := slices.IndexFunc(into.Field, same); i >= 0 {
			known := into.Field[i]
			m.problem("%s: %s = %d is added, and the API module has %s = %d: drop the addition", name,
				field.GetName(), field.GetNumber(), known.GetName(), known.GetNumber())
			continue
		}
		if field.OneofIndex == nil {
			into.Field = append(into.Field, field)
			continue
		}
		field.OneofIndex = proto.Int32(oneof(into, from.OneofDecl[field.GetOneofIndex()]))
		into.Field = slices.Insert(into.Field, place(into.Field, field.GetOneofIndex()), field)
	}
}

// oneof returns the index of the oneof of that name, which is added where there is none.
func oneof(into *descriptorpb.DescriptorProto, wanted *descriptorpb.OneofDescriptorProto) int32 {
	same := func(known *descriptorpb.OneofDescriptorProto) bool { return known.GetName() == wanted.GetName() }
	index := slices.IndexFunc(into.OneofDecl, same)
	if index < 0 {
		index = len(into.OneofDecl)
		into.OneofDecl = append(into.OneofDecl, wanted)
	}
	return int32(index)
}

// place is where a field of a oneof belongs: descriptors must hold these together.
func place(fields []*descriptorpb.FieldDescriptorProto, oneof int32) int {
	for i, field := range slices.Backward(fields) {
		if field.OneofIndex != nil && field.GetOneofIndex() == oneof {
			return i + 1
		}
	}
	return len(fields)
}

func (m *merger) enums(
	into, from []*descriptorpb.EnumDescriptorProto, scope protoreflect.FullName,
) []*descriptorpb.EnumDescriptorProto {
	for _, enum := range from {
		name := scope.Append(protoreflect.Name(enum.GetName()))
		same := func(known *descriptorpb.EnumDescriptorProto) bool { return known.GetName() == enum.GetName() }
		if slices.ContainsFunc(into, same) {
			m.problem("%s: the API module has this enum: drop the addition", name)
			continue
		}
		into = append(into, enum)
	}
	return into
}

// used reports new messages that no field refers to: most likely the name of a message of the module is misspelt.
func (m *merger) used(file protoreflect.FileDescriptor) {
	referred := map[protoreflect.FullName]bool{}
	eachMessage(file.Messages(), func(message protoreflect.MessageDescriptor) {
		for i := range message.Fields().Len() {
			if inner := message.Fields().Get(i).Message(); inner != nil && inner != message {
				referred[inner.FullName()] = true
			}
		}
	})
	for _, name := range m.created {
		if file.Package() == name.Parent() && !referred[name] {
			m.problem("%s: neither a message of the API module nor used by a field", name)
		}
	}
}

// eachMessage visits messages and those nested in them.
func eachMessage(messages protoreflect.MessageDescriptors, visit func(protoreflect.MessageDescriptor)) {
	for i := range messages.Len() {
		visit(messages.Get(i))
		eachMessage(messages.Get(i).Messages(), visit)
	}
}
