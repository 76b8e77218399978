// Tests of the whole program, on the real module and on scratch mappings and folders.

package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const roles = `
[resource]
message = "types.RoleV6"
[rpc]
get  = ["proto.AuthService/GetRole"]
list = [{ call = "proto.AuthService/ListRoles" }]
`

// scratch writes one mapping file, and newer files by import path.
func scratch(t *testing.T, mapping string, newer map[string]string) folders {
	t.Helper()
	dir := t.TempDir()
	f := folders{mappings: filepath.Join(dir, "mappings"), newer: filepath.Join(dir, "newer"), out: filepath.Join(dir, "out")}
	write(t, filepath.Join(f.mappings, "kind.toml"), mapping)
	if err := os.MkdirAll(f.newer, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range newer {
		write(t, filepath.Join(f.newer, path), text)
	}
	return f
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// call runs the program and fails the test unless it exits with the given code; it returns what the program said.
func (f folders) call(t *testing.T, code int, more ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	args := append([]string{"-mappings", f.mappings, "-newer", f.newer, "-additions", f.additions, "-out", f.out}, more...)
	if got := command(args, &stderr); got != code {
		t.Fatalf("exit code %d instead of %d: %s", got, code, &stderr)
	}
	return stderr.String()
}

func (f folders) printed(t *testing.T) sources {
	t.Helper()
	files, err := readProtos(f.out)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not contain %q", text, part)
		}
	}
}

func TestCheckPassesRightAfterPrint(t *testing.T) {
	f := scratch(t, roles, nil)
	contains(t, f.call(t, 1, "-check"), "types.proto: missing")
	f.call(t, 0)
	f.call(t, 0, "-check")
	first := f.printed(t)
	f.call(t, 0)
	if !maps.Equal(first, f.printed(t)) {
		t.Error("a second run prints something else")
	}
}

func TestEveryDifferenceIsReportedAndRepaired(t *testing.T) {
	f := scratch(t, roles, nil)
	f.call(t, 0)
	wanted := f.printed(t)
	if err := os.Remove(filepath.Join(f.out, "gogoproto/gogo.proto")); err != nil {
		t.Fatal(err)
	}
	types := filepath.Join(f.out, "teleport/legacy/types/types.proto")
	write(t, types, wanted["teleport/legacy/types/types.proto"]+"message Extra {}\n")
	write(t, filepath.Join(f.out, "old.proto"), wanted["gogoproto/gogo.proto"])

	contains(t, f.call(t, 1, "-check"), "gogo.proto: missing", "types.proto: stale", "old.proto: superfluous")
	f.call(t, 0)
	if !maps.Equal(wanted, f.printed(t)) {
		t.Error("printing does not restore the folder")
	}
}

func TestNothingThatWasNotGeneratedIsRemoved(t *testing.T) {
	f := scratch(t, roles, nil)
	mine := filepath.Join(f.out, "mine.proto")
	write(t, mine, "syntax = \"proto3\";\n")
	contains(t, f.call(t, 1), mine, "not generated")
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}

func TestAllUnknownRootsAreReportedAtOnce(t *testing.T) {
	f := scratch(t, `
resource.message = "types.NoSuchRole"
rpc.get    = "proto.NoSuchService/GetRole"
rpc.list   = ["proto.AuthService/NoSuchMethod"]
rpc.create = "types.RoleV6/Create"
`, nil)
	said := f.call(t, 1)
	contains(t, said, `"types.NoSuchRole"`, `"proto.NoSuchService/GetRole"`, `"proto.AuthService/NoSuchMethod"`, `"types.RoleV6/Create"`)
	if got := strings.Count(said, "kind.toml"); got != 4 {
		t.Errorf("the file is named %d times in %q", got, said)
	}
}

func TestOtherStringsAreNotRoots(t *testing.T) {
	f := scratch(t, roles+`
[kubernetes]
finalizer = "resources.teleport.dev/deletion"
note      = "see proto.AuthService/GetNothing"
image     = "teleport.dev/Operator"
`, nil)
	f.call(t, 0)
}

func TestBadInputIsAnError(t *testing.T) {
	f := scratch(t, "resource = [", nil)
	contains(t, f.call(t, 1), "kind.toml")
	f = scratch(t, roles, map[string]string{"broken.proto": "message {"})
	contains(t, f.call(t, 1), "broken.proto")
	f = scratch(t, roles, nil)
	f.mappings = f.newer
	contains(t, f.call(t, 1), "no mapping files")
	f.call(t, 2, "superfluous")
	if got := command(nil, &bytes.Buffer{}); got != 2 {
		t.Errorf("exit code %d without arguments", got)
	}
}

// Every printed message has all of its official fields and their options, every enum all of its values, whatever the
// mappings reach: here all methods that there are.
func TestPrintedFilesSayWhatTheModuleSays(t *testing.T) {
	official, err := officialFiles()
	if err != nil {
		t.Fatal(err)
	}
	linked, err := link(nil, official)
	if err != nil {
		t.Fatal(err)
	}
	wanted := methods(linked)
	f := scratch(t, `all = ["`+strings.Join(wanted, `", "`)+`"]`, nil)
	f.call(t, 0)
	printed, err := link(f.printed(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := methods(printed); !slices.Equal(got, wanted) {
		t.Errorf("%d methods printed of %d", len(got), len(wanted))
	}
	compared := 0
	for _, file := range printed {
		eachMessage(file.Messages(), func(message protoreflect.MessageDescriptor) {
			found, err := linked.AsResolver().FindDescriptorByName(message.FullName())
			if err != nil {
				t.Fatal(err)
			}
			if want, got := facts(found), facts(message); !slices.Equal(want, got) {
				t.Errorf("%s: printed\n%s\nofficial\n%s", message.FullName(), strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			compared++
		})
	}
	if compared < 1000 {
		t.Errorf("only %d messages were compared", compared)
	}
}

func TestOnlyTheNamedMethodsArePrinted(t *testing.T) {
	f := scratch(t, roles, nil)
	f.call(t, 0)
	printed, err := link(f.printed(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := methods(printed), []string{"proto.AuthService/GetRole", "proto.AuthService/ListRoles"}; !slices.Equal(got, want) {
		t.Errorf("printed %v instead of %v", got, want)
	}
	for _, file := range printed {
		if file.Messages().ByName("UserV2") != nil {
			t.Error("a user is printed, which no role reaches")
		}
	}
}

// An event may be any resource that there is: of a stream's events only what is reached or named is printed.
func TestEventsAreCutToWhatIsReached(t *testing.T) {
	f := scratch(t, roles+`
[watch]
call    = "proto.AuthService/WatchEvents"
kinds   = "Kinds.Kind"
deleted = { name = "ResourceHeader.Metadata.Name" }
`, nil)
	f.call(t, 0)
	printed, err := link(f.printed(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	event, err := printed.AsResolver().FindDescriptorByName("proto.Event")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	fields := event.(protoreflect.MessageDescriptor).Fields()
	for i := range fields.Len() {
		names = append(names, string(fields.Get(i).Name()))
	}
	if want := []string{"Type", "ResourceHeader", "Role"}; !slices.Equal(names, want) {
		t.Errorf("an event has the fields %v instead of %v", names, want)
	}
	if _, err := printed.AsResolver().FindDescriptorByName("types.WatchKind"); err != nil {
		t.Error(err)
	}
}

func TestANestedRootBringsItsWholeContainer(t *testing.T) {
	f := scratch(t, `resource.message = "types.ProvisionTokenSpecV2GitHub.Rule"`, nil)
	f.call(t, 0)
	printed, err := link(f.printed(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	container, err := printed.AsResolver().FindDescriptorByName("types.ProvisionTokenSpecV2GitHub")
	if err != nil {
		t.Fatal(err)
	}
	if got := len(facts(container)); got < 2 {
		t.Errorf("the container has %d fields", got)
	}
}

// methods lists the methods of the API in linked files, as mappings write them.
func methods(files linker.Files) []string {
	var all []string
	for _, file := range files {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				all = append(all, fmt.Sprintf("%s/%s", service.FullName(), service.Methods().Get(j).Name()))
			}
		}
	}
	slices.Sort(all)
	return all
}

// facts lists a message's fields, each with all that a descriptor says of it.
func facts(message protoreflect.Descriptor) []string {
	fields := message.(protoreflect.MessageDescriptor).Fields()
	var all []string
	for i := range fields.Len() {
		field := fields.Get(i)
		raw := protodesc.ToFieldDescriptorProto(field)
		// The printer may sort oneofs: their names are the fact, not their order.
		raw.OneofIndex = nil
		fact := prototext.Format(raw)
		if oneof := field.ContainingOneof(); oneof != nil {
			fact += "oneof " + string(oneof.Name())
		}
		if field.Enum() != nil {
			fact += enumFacts(field.Enum())
		}
		all = append(all, fact)
	}
	slices.Sort(all)
	return all
}

func enumFacts(enum protoreflect.EnumDescriptor) string {
	var values []string
	for i := range enum.Values().Len() {
		value := enum.Values().Get(i)
		values = append(values, fmt.Sprintf("%d %s", value.Number(), value.Name()))
	}
	slices.Sort(values)
	return strings.Join(values, ", ")
}

func TestNewerFilesShadowAndPullInWhatTheyImport(t *testing.T) {
	f := scratch(t, "resource.message = 'teleport.machineid.v1.Bot'", map[string]string{
		"teleport/machineid/v1/bot.proto": `
			syntax = "proto3";
			package teleport.machineid.v1;
			import "teleport/label/v1/label.proto";
			import "teleport/vnet/v1/vnet_config.proto"; // unused, but a compiler wants it
			message Bot { teleport.label.v1.Label only_here = 1; }
			message Unreached { string name = 1; }`,
		"teleport/unreached/v1/unreached.proto": `
			syntax = "proto3";
			package teleport.unreached.v1;
			import "teleport/trait/v1/trait.proto";
			message Unreached { teleport.trait.v1.Trait trait = 1; }`,
	})
	f.call(t, 0)
	paths := slices.Sorted(maps.Keys(f.printed(t)))
	if want := []string{"teleport/label/v1/label.proto", "teleport/vnet/v1/vnet_config.proto"}; !slices.Equal(paths, want) {
		t.Errorf("printed %v instead of %v", paths, want)
	}
}

// All generated code of the module is linked, and all of its files are found.
func TestNoFileOfTheModuleIsOverlooked(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	official, err := officialFiles()
	if err != nil {
		t.Fatal(err)
	}
	source := regexp.MustCompile(`(?m)^// source: (\S+\.proto)$`)
	seen := 0
	err = filepath.WalkDir(strings.TrimSpace(string(dir)), func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".pb.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if match := source.FindSubmatch(text); match != nil {
			seen++
			if official[string(match[1])] == nil {
				t.Errorf("%s is generated from %s, which is not found: see imports.go and gogoFiles", path, match[1])
			}
		}
		return nil
	})
	if err != nil || seen < 100 {
		t.Errorf("only %d generated files seen: %v", seen, err)
	}
}

func TestTheListOfWhatIsYoungerIsKept(t *testing.T) {
	f := scratch(t, roles, map[string]string{"teleport/vnet/v1/vnet_config.proto": `syntax = "proto3";
package teleport.vnet.v1;
message VnetConfig { string kind = 1; map<string, string> colours = 99; message Inner { bool yes = 1; } Inner inner = 98; }
`})
	list := filepath.Join(filepath.Dir(f.out), "younger.toml")
	f.call(t, 1, "-younger", list, "-check")
	f.call(t, 0, "-younger", list)
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	want := `# Generated by make proto out of what is younger than the Teleport API module. Do not edit.
version = "18.0.0-dev"   # which has none of these messages and fields
younger = [
  "teleport.vnet.v1.VnetConfig.Inner",
  "teleport.vnet.v1.VnetConfig.colours",
  "teleport.vnet.v1.VnetConfig.inner",
]
`
	if string(text) != want {
		t.Errorf("got %s, not %s", text, want)
	}
	f.call(t, 0, "-younger", list, "-check")
	write(t, list, "old")
	f.call(t, 1, "-younger", list, "-check")
}
