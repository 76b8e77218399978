// Cuts official files down to what is reached. Must not add or change a fact.

package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// pruner cuts one file.
type pruner struct {
	*reachable
	linked linker.Files
	// import paths that the kept declarations of the file need
	imports map[string]bool
}

// prune returns the official files that are needed, each with only what is reached.
func prune(official protoFiles, reached *reachable, linked linker.Files) protoFiles {
	pruned := protoFiles{}
	for path := range reached.files {
		_, source := reached.newer[path]
		if source || strings.HasPrefix(path, standard) {
			continue
		}
		p := pruner{reachable: reached, linked: linked, imports: map[string]bool{}}
		pruned[path] = p.cut(official[path])
	}
	return pruned
}

func (p *pruner) cut(file *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	scope := protoreflect.FullName(file.GetPackage())
	cut := &descriptorpb.FileDescriptorProto{
		Name:        file.Name,
		Package:     file.Package,
		Syntax:      file.Syntax,
		MessageType: p.messages(file.MessageType, scope),
		EnumType:    p.enums(file.EnumType, scope),
		Service:     p.services(file.Service, scope),
		Extension:   p.extensionsOf(file.Extension, scope),
	}
	delete(p.imports, file.GetName())
	cut.Dependency = slices.Sorted(maps.Keys(p.imports))
	return cut
}

func (p *pruner) messages(messages []*descriptorpb.DescriptorProto, scope protoreflect.FullName) []*descriptorpb.DescriptorProto {
	var kept []*descriptorpb.DescriptorProto
	for _, message := range messages {
		name := scope.Append(protoreflect.Name(message.GetName()))
		if !p.names[name] {
			continue
		}
		message = proto.CloneOf(message)
		message.NestedType = p.messages(message.NestedType, name)
		message.EnumType = p.enums(message.EnumType, name)
		message.Extension = p.extensionsOf(message.Extension, name)
		message.Options = pruneOptions(p, message.Options)
		for _, oneof := range message.OneofDecl {
			oneof.Options = pruneOptions(p, oneof.Options)
		}
		if p.events[name] {
			p.cutChoices(message)
		}
		for _, field := range message.Field {
			p.field(field)
		}
		kept = append(kept, message)
	}
	return kept
}

// cutChoices drops what an event can be and nothing else reaches.
func (p *pruner) cutChoices(event *descriptorpb.DescriptorProto) {
	event.Field = slices.DeleteFunc(event.Field, func(field *descriptorpb.FieldDescriptorProto) bool {
		message := protoreflect.FullName(strings.TrimPrefix(field.GetTypeName(), "."))
		return field.OneofIndex != nil && message != "" && !p.names[message]
	})
}

func (p *pruner) enums(enums []*descriptorpb.EnumDescriptorProto, scope protoreflect.FullName) []*descriptorpb.EnumDescriptorProto {
	var kept []*descriptorpb.EnumDescriptorProto
	for _, enum := range enums {
		if !p.names[scope.Append(protoreflect.Name(enum.GetName()))] {
			continue
		}
		enum = proto.CloneOf(enum)
		enum.Options = pruneOptions(p, enum.Options)
		for _, value := range enum.Value {
			value.Options = pruneOptions(p, value.Options)
		}
		kept = append(kept, enum)
	}
	return kept
}

func (p *pruner) services(services []*descriptorpb.ServiceDescriptorProto, scope protoreflect.FullName) []*descriptorpb.ServiceDescriptorProto {
	var kept []*descriptorpb.ServiceDescriptorProto
	for _, service := range services {
		name := scope.Append(protoreflect.Name(service.GetName()))
		var methods []*descriptorpb.MethodDescriptorProto
		for _, method := range service.Method {
			if !p.names[name.Append(protoreflect.Name(method.GetName()))] {
				continue
			}
			method = proto.CloneOf(method)
			method.Options = pruneOptions(p, method.Options)
			p.need(method.GetInputType())
			p.need(method.GetOutputType())
			methods = append(methods, method)
		}
		if len(methods) > 0 {
			kept = append(kept, &descriptorpb.ServiceDescriptorProto{
				Name:    service.Name,
				Method:  methods,
				Options: pruneOptions(p, proto.CloneOf(service.Options)),
			})
		}
	}
	return kept
}

func (p *pruner) extensionsOf(extensions []*descriptorpb.FieldDescriptorProto, scope protoreflect.FullName) []*descriptorpb.FieldDescriptorProto {
	var kept []*descriptorpb.FieldDescriptorProto
	for _, extension := range extensions {
		if !p.extensions[scope.Append(protoreflect.Name(extension.GetName()))] {
			continue
		}
		extension = proto.CloneOf(extension)
		p.need(extension.GetExtendee())
		p.field(extension)
		kept = append(kept, extension)
	}
	return kept
}

// field drops the options of a field that are not kept, and notes what it needs.
func (p *pruner) field(field *descriptorpb.FieldDescriptorProto) {
	field.Options = pruneOptions(p, field.Options)
	if field.GetTypeName() != "" {
		p.need(field.GetTypeName())
	}
}

// need notes the import of the file that declares a type; the name is as descriptors write it, with a leading dot.
func (p *pruner) need(typeName string) {
	name := protoreflect.FullName(strings.TrimPrefix(typeName, "."))
	// Linking has resolved every type name before.
	declaration, _ := p.linked.AsResolver().FindDescriptorByName(name)
	p.imports[declaration.ParentFile().Path()] = true
}

// pruneOptions drops the options that are not kept, in place; the result is nil if none is left.
func pruneOptions[T proto.Message](p *pruner, options T) T {
	var none T
	message := options.ProtoReflect()
	message.Range(func(option protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		switch {
		case !keptOption(option):
			message.Clear(option)
		case option.IsExtension():
			p.imports[option.ParentFile().Path()] = true
		}
		return true
	})
	if proto.Size(options) == 0 {
		return none
	}
	return options
}

// keptOption says whether an option is a fact of the interface. gogoproto's options on fields decide how a field is
// written in JSON; its options on anything else only shape generated Go code.
func keptOption(option protoreflect.FieldDescriptor) bool {
	return option.ParentFile().Package() != "gogoproto" ||
		option.ContainingMessage().Name() == "FieldOptions"
}
