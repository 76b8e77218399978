// Tests of additions to the module's files, through the whole program.

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

const typesPath = "teleport/legacy/types/types.proto"

// adding writes additions to the module's file of package types beside a mapping of roles.
func adding(t *testing.T, body string) folders {
	t.Helper()
	f := scratch(t, roles, nil)
	f.additions = filepath.Join(filepath.Dir(f.mappings), "additions")
	write(t, filepath.Join(f.additions, typesPath), `
		syntax = "proto3";
		package types;
		import "gogoproto/gogo.proto";
		import "google/protobuf/struct.proto";
		`+body)
	return f
}

func TestAdditionsArePrintedWithTheModulesFields(t *testing.T) {
	f := adding(t, `
		message RoleConditions {
			ToolPermissions Tools = 946 [(gogoproto.jsontag) = "tools,omitempty"];
			repeated ToolPermissions.Rule rules = 947;
			map<string, string> notes = 948;
		}
		message ToolPermissions {
			message Rule { ToolMode mode = 1; }
			google.protobuf.Struct free = 1 [(gogoproto.casttype) = "Struct", (gogoproto.nullable) = false];
		}
		enum ToolMode { TOOL_MODE_UNSPECIFIED = 0; }
	`)
	f.call(t, 0)
	f.call(t, 0, "-check")
	with := f.printed(t)[typesPath]
	contains(t, with,
		`ToolPermissions Tools = 946 [(gogoproto.jsontag) = "tools,omitempty"];`,
		"repeated ToolPermissions.Rule rules = 947;",
		"map<string, string> notes = 948;",
		`google.protobuf.Struct free = 1 [(gogoproto.casttype) = "Struct", (gogoproto.nullable) = false];`,
		"enum ToolMode {",
	)
	f.additions = ""
	f.call(t, 0)
	for line := range strings.Lines(f.printed(t)[typesPath]) {
		if !strings.HasPrefix(line, generated) && !strings.Contains(with, line) {
			t.Errorf("with additions this line of the module is missing: %s", line)
		}
	}
}

func TestAnAdditionJoinsTheChoiceOfThatName(t *testing.T) {
	f := adding(t, `
		message IntegrationSpecV1 { oneof SubKindSpec { NewIntegration New = 903; } }
		message NewIntegration {}
	`)
	write(t, filepath.Join(f.mappings, "kind.toml"), `resource.message = "types.IntegrationSpecV1"`)
	f.call(t, 0)
	text := f.printed(t)[typesPath]
	contains(t, text, "NewIntegration New = 903;")
	if got := strings.Count(text, "oneof SubKindSpec"); got != 1 {
		t.Errorf("%d choices of that name in %s", got, text)
	}
}

func TestWhatDoesNotFitIsReportedAtOnce(t *testing.T) {
	f := adding(t, `
		message RoleV6 { string Kind = 901; string other = 5; }
		enum CertExtensionMode { X = 0; }
	`)
	said := f.call(t, 1)
	contains(t, said, "types.RoleV6: Kind = 901", "types.RoleV6: other = 5", "types.CertExtensionMode")

	f = adding(t, "message RoleConditons { string tools = 1; }")
	contains(t, f.call(t, 1), "types.RoleConditons", "nor used")

	f = adding(t, "message RoleConditions { Nothing tools = 946; }")
	contains(t, f.call(t, 1), "Nothing")

	f = adding(t, "message RoleConditions { string tools = 946 }")
	contains(t, f.call(t, 1), typesPath)
}

func TestOnlyFilesOfTheModuleCanBeAddedTo(t *testing.T) {
	f := adding(t, "")
	write(t, filepath.Join(f.additions, "teleport/new/v1/new.proto"), `syntax = "proto3"; package teleport.new.v1;`)
	contains(t, f.call(t, 1), "teleport/new/v1/new.proto", "no such file")

	f = adding(t, "")
	write(t, filepath.Join(f.additions, "teleport/label/v1/label.proto"), `syntax = "proto3"; package types;`)
	contains(t, f.call(t, 1), "label.proto", `"teleport.label.v1"`)

	f = adding(t, "")
	write(t, filepath.Join(f.newer, typesPath), `syntax = "proto3"; package types;`)
	contains(t, f.call(t, 1), typesPath, "shadowed")
}
