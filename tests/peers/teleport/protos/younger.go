// Listing what is younger than the API module, for the pages of kinds.
// Must not decide what is printed as `.proto`.

package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/bufbuild/protocompile/linker"
	"github.com/gravitational/teleport/api"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// younger returns the list, as TOML, of messages and fields that the sources declare and the module does not know.
func younger(base protoFiles, linked linker.Files, declared ...sources) string {
	known := map[string]bool{}
	for _, file := range base {
		knownMessages(known, file.GetPackage(), file.MessageType)
	}
	lines := map[string]bool{}
	for _, texts := range declared {
		for path := range texts {
			youngerMessages(lines, known, linked.FindFileByPath(path).Messages())
		}
	}
	var list bytes.Buffer
	fmt.Fprintf(&list, "# %sout of what is younger than the Teleport API module. Do not edit.\n", generated[len("// "):])
	fmt.Fprintf(&list, "version = %q   # which has none of these messages and fields\nyounger = [\n", api.Version)
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&list, "  %q,\n", line)
	}
	list.WriteString("]\n")
	return list.String()
}

func knownMessages(known map[string]bool, scope string, messages []*descriptorpb.DescriptorProto) {
	for _, message := range messages {
		name := scope + "." + message.GetName()
		known[name] = true
		for _, field := range message.Field {
			known[name+"."+field.GetName()] = true
		}
		knownMessages(known, name, message.NestedType)
	}
}

func youngerMessages(lines, known map[string]bool, messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		message := messages.Get(i)
		if message.IsMapEntry() {
			continue
		}
		if !known[string(message.FullName())] {
			lines[string(message.FullName())] = true
			continue
		}
		fields := message.Fields()
		for j := range fields.Len() {
			if name := string(fields.Get(j).FullName()); !known[name] {
				lines[name] = true
			}
		}
		youngerMessages(lines, known, message.Messages())
	}
}

// keep writes a text where it is not current; with check it fails instead.
func keep(path, text string, check bool) error {
	there, err := os.ReadFile(path)
	if err == nil && string(there) == text {
		return nil
	}
	if check {
		return fmt.Errorf("%s is not current, run `make proto`", path)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
