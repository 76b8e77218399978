// vectors_test.go replays the project's conformance vectors, the very bytes that the
// official client sends, and checks what the server stores of them against what the
// official types make of them.

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gravitational/teleport/api/client"
	accesslistv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	headerv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/header/v1"
	"github.com/gravitational/teleport/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

const vectorFolder = "../../../vectors"

// vector is what this test needs of one.
type vector struct {
	Name     string
	Kind     string         `json:"teleport_kind"`
	Method   string         `json:"method"`
	Request  []byte         `json:"request_b64"`
	Official map[string]any `json:"official_json"`
	// Defaulted is the resource after the official defaults, where there are any.
	Defaulted map[string]any `json:"after_defaults_json"`
	Refused   string         `json:"after_defaults_error"`
}

func TestVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectorFolder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no vectors in %s", vectorFolder)
	}
	for _, file := range files {
		if filepath.Base(file) == "bad.json" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var vectors []vector
		if err := json.Unmarshal(content, &vectors); err != nil {
			t.Fatal(err)
		}
		for _, v := range vectors {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json")+"/"+v.Name, func(t *testing.T) { replay(t, v) })
		}
	}
}

func replay(t *testing.T, v vector) {
	s, err := start(options{listen: "127.0.0.1:0", control: "127.0.0.1:0", dir: t.TempDir(), plaintext: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	kind, ok := s.kinds.table[v.Kind]
	if !ok {
		t.Skipf("%s is not served", v.Kind)
	}
	provide(t, s, v)
	err = invoke(t.Context(), s.Auth, v)
	if refused := status.Code(err) == codes.InvalidArgument || status.Code(err) == codes.Unknown; refused != (v.Refused != "") {
		t.Fatalf("got %v, want %q", err, v.Refused)
	}
	if v.Refused != "" {
		return
	}
	dump, err := kind.dump()
	if err != nil {
		t.Fatal(err)
	}
	want := v.Defaulted
	if want == nil {
		want = v.Official
	}
	name, _ := want["metadata"].(map[string]any)["name"].(string)
	if v.Kind == types.KindAccessListMember {
		name = memberTitle(want["spec"].(map[string]any)["access_list"].(string), name)
	}
	var got map[string]any
	if err := json.Unmarshal(dump[name].JSON, &got); err != nil {
		t.Fatalf("%q is not in the store: %v", name, err)
	}
	if kind.watchable() {
		stored := dump[name]
		event, err := kind.toEvent(change{kind: v.Kind, name: name, after: &stored})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.EventToGRPC(event); err != nil {
			t.Errorf("no event of it: %v", err)
		}
	}
	for _, side := range []map[string]any{got, want} {
		forgetServers(v.Kind, side)
	}
	if g, w := essence(got), essence(want); !reflect.DeepEqual(g, w) {
		t.Errorf("stored %v\nwant   %v", g, w)
	}
}

// bytesCodec sends and receives messages as they are.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func invoke(ctx context.Context, address string, v vector) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	var answer []byte
	return conn.Invoke(ctx, v.Method, &v.Request, &answer, grpc.ForceCodecV2(bytesCodec{}))
}

// provide makes what a vector refers to: the roles of a user, the list of a member.
func provide(t *testing.T, s *server, v vector) {
	t.Helper()
	ctx := withCall(t.Context(), call{trusted: true})
	spec, _ := v.Official["spec"].(map[string]any)
	switch v.Kind {
	case types.KindUser:
		roles, _ := spec["roles"].([]any)
		for _, name := range roles {
			r := &types.RoleV6{Version: types.V7, Metadata: types.Metadata{Name: name.(string)}}
			if err := s.kinds.roles.save(ctx, r, always); err != nil {
				t.Fatal(err)
			}
		}
	case types.KindAccessListMember:
		name, _ := spec["access_list"].(string)
		if name == "" {
			return
		}
		if err := s.kinds.accessLists.save(ctx, accessList(name), always); err != nil {
			t.Fatal(err)
		}
	}
}

func accessList(name string) *accesslistv1.AccessList {
	return &accesslistv1.AccessList{
		Header: &headerv1.ResourceHeader{Version: types.V1, Kind: types.KindAccessList, Metadata: &headerv1.Metadata{Name: name}},
		Spec: &accesslistv1.AccessListSpec{
			Title:              name,
			Owners:             []*accesslistv1.AccessListOwner{{Name: "owner"}},
			Audit:              &accesslistv1.AccessListAudit{},
			MembershipRequires: &accesslistv1.AccessListRequires{},
			OwnershipRequires:  &accesslistv1.AccessListRequires{},
			Grants:             &accesslistv1.AccessListGrants{},
		},
	}
}

// forgetServers removes what the server itself sets in a kind, and what the official
// conversion from the message changes, which the vectors did not go through.
func forgetServers(kind string, resource map[string]any) {
	spec, _ := resource["spec"].(map[string]any)
	switch kind {
	case types.KindUser:
		delete(spec, "created_by")
	case types.KindBot:
		delete(resource, "status")
		traits, _ := spec["traits"].([]any)
		spec["traits"] = filtered(traits, func(t any) bool { return t.(map[string]any)["values"] != nil })
	case types.KindClusterMaintenanceConfig:
		delete(resource, "nonce")
	case types.KindDiscoveryConfig:
		delete(resource, "status")
	case types.KindAccessListMember:
		delete(spec, "membership_kind")
		delete(spec, "ineligible_status")
	case types.KindAccessList:
		for _, owner := range spec["owners"].([]any) {
			delete(owner.(map[string]any), "membership_kind")
			delete(owner.(map[string]any), "ineligible_status")
		}
	case types.KindClusterAuthPreference, types.KindClusterNetworkingConfig, types.KindSessionRecordingConfig:
		labels := resource["metadata"].(map[string]any)["labels"].(map[string]any)
		delete(labels, types.OriginLabel)
	}
}

// essence is v without null and zero members. An unset time may also be the epoch,
// which the official conversion makes of one.
func essence(v any) any {
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, member := range v {
			if e := essence(member); e != nil {
				kept[key] = e
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	case []any:
		if len(v) == 0 {
			return nil
		}
		kept := make([]any, len(v))
		for i, member := range v {
			kept[i] = essence(member)
		}
		return kept
	case string:
		if v == "" || v == "0001-01-01T00:00:00Z" || v == "1970-01-01T00:00:00Z" {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}
