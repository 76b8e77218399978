// harness_test.go starts a server for a test and talks to it as a client does: with the
// official client and the identity file, and over the control port.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// running is a running server and the operator's client of it.
type running struct {
	t *testing.T
	*server
	client *client.Client
}

// serve starts a server whose cache lags by lag.
func serve(t *testing.T, lag time.Duration) *running {
	t.Helper()
	dir := t.TempDir()
	s, err := start(options{
		listen: "127.0.0.1:0", control: "127.0.0.1:0", dir: dir,
		cluster: "test.example.com", version: "18.0.0", lag: lag, profile: profiles[defaultProfile],
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	content, err := os.ReadFile(filepath.Join(dir, "ready.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r ready
	if err := json.Unmarshal(content, &r); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(t.Context(), client.Config{
		Addrs:       []string{r.Auth},
		Credentials: []client.Credentials{client.LoadIdentityFile(r.Identity)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &running{t, s, c}
}

// tell sends a request to the control port and decodes the answer into out, if given.
func (p *running) tell(method, path string, body, out any) {
	p.t.Helper()
	code, answer := p.ask(method, path, body)
	if code != http.StatusOK {
		p.t.Fatalf("%s %s: %d %s", method, path, code, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *running) ask(method, path string, body any) (int, []byte) {
	p.t.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.Control+path, bytes.NewReader(content))
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, answer
}

// stored is the record of a resource in the store; it fails if there is none.
func (p *running) stored(kind, name string) record {
	p.t.Helper()
	var dump map[string]map[string]record
	p.tell(http.MethodGet, "/dump?kind="+kind, nil, &dump)
	r, ok := dump[kind][name]
	if !ok {
		p.t.Fatalf("%s %q is not in the store", kind, name)
	}
	return r
}

func (p *running) createRole(name string) types.Role {
	p.t.Helper()
	created, err := p.client.CreateRole(p.t.Context(), role(p.t, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return created
}

func role(t *testing.T, name string) types.Role {
	t.Helper()
	r, err := types.NewRole(name, types.RoleSpecV6{Allow: types.RoleConditions{Logins: []string{"root"}}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func user(t *testing.T, name string, roles ...string) types.User {
	t.Helper()
	u, err := types.NewUser(name)
	if err != nil {
		t.Fatal(err)
	}
	u.SetRoles(roles)
	return u
}

// wantError checks an error of the official client by gRPC code and text.
func wantError(t *testing.T, err error, code codes.Code, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %v %q", code, text)
	}
	got, ok := status.FromError(trace.Unwrap(err))
	if ok && got.Code() != codes.Unknown {
		if got.Code() != code || got.Message() != text {
			t.Fatalf("got %v %q, want %v %q", got.Code(), got.Message(), code, text)
		}
		return
	}
	// The official client turns codes back into trace's errors.
	if !traceKinds[code](err) || trace.UserMessage(err) != text {
		t.Fatalf("got %T %q, want %v %q", trace.Unwrap(err), trace.UserMessage(err), code, text)
	}
}

var traceKinds = map[codes.Code]func(error) bool{
	codes.NotFound:           trace.IsNotFound,
	codes.AlreadyExists:      trace.IsAlreadyExists,
	codes.InvalidArgument:    trace.IsBadParameter,
	codes.PermissionDenied:   trace.IsAccessDenied,
	codes.FailedPrecondition: trace.IsCompareFailed,
	codes.Unavailable:        trace.IsConnectionProblem,
	codes.Unimplemented:      trace.IsNotImplemented,
}

func eventually(t *testing.T, what string, ok func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for !ok(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within 5 s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
