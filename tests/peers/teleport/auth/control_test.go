// control_test.go checks the control port: faults, counts, changes behind the client's
// back, and the answers to wrong requests.

package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"google.golang.org/grpc/codes"
)

func TestInjectedErrors(t *testing.T) {
	p := serve(t, 0)
	ctx := t.Context()
	p.tell(http.MethodPost, "/inject", fault{Method: "GetRole", Code: "RESOURCE_EXHAUSTED", Message: "slow down", Times: 2}, nil)
	for range 2 {
		if _, err := p.client.GetRole(ctx, operatorRole); err == nil || !strings.Contains(err.Error(), "slow down") {
			t.Fatalf("got %v", err)
		}
	}
	if _, err := p.client.GetRole(ctx, operatorRole); err != nil {
		t.Fatalf("the fault must be over: %v", err)
	}
}

func TestAppliedErrorsTakeEffect(t *testing.T) {
	p := serve(t, 0)
	p.tell(http.MethodPost, "/inject", fault{Method: "/proto.AuthService/CreateRole", Code: "UNAVAILABLE", Message: "cut off", Applied: true}, nil)
	_, err := p.client.CreateRole(t.Context(), role(t, "dev"))
	wantError(t, err, codes.Unavailable, "cut off")
	p.stored("role", "dev")
}

func TestWhichMethodsAFaultHits(t *testing.T) {
	const method = "/teleport.users.v1.UsersService/GetUser"
	for pattern, want := range map[string]bool{
		method: true, method[1:]: true, "GetUser": true, "Get*": true, "*.UsersService/*": true, "*": true,
		"GetUsers": false, "*/Create*": false, "User": false,
	} {
		if got := (&fault{Method: pattern}).hits(method); got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
}

func TestFaultsLastUntilCleared(t *testing.T) {
	p := serve(t, 0)
	p.tell(http.MethodPost, "/inject", fault{Method: "Get*", Code: "INTERNAL", Times: -1}, nil)
	for range 3 {
		if _, err := p.client.GetRole(t.Context(), operatorRole); err == nil {
			t.Fatal("the fault must last")
		}
	}
	p.tell(http.MethodPost, "/inject/clear", nil, nil)
	if _, err := p.client.GetRole(t.Context(), operatorRole); err != nil {
		t.Fatal(err)
	}
}

func TestLatency(t *testing.T) {
	p := serve(t, 0)
	p.tell(http.MethodPost, "/inject", fault{Method: "GetRole", LatencyMS: 60}, nil)
	begin := time.Now()
	if _, err := p.client.GetRole(t.Context(), operatorRole); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 60*time.Millisecond {
		t.Fatalf("took %v", took)
	}
}

func TestUnavailable(t *testing.T) {
	p := serve(t, 0)
	p.tell(http.MethodPost, "/unavailable", map[string]bool{"on": true}, nil)
	if _, err := p.client.Ping(t.Context()); err == nil {
		t.Fatal("the server must be unavailable")
	}
	p.tell(http.MethodPost, "/unavailable", map[string]bool{"on": false}, nil)
	if _, err := p.client.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestOutageEndsStreams(t *testing.T) {
	p := serve(t, 0)
	w, err := p.client.NewWatcher(t.Context(), types.Watch{Kinds: []types.WatchKind{{Kind: types.KindRole}}})
	if err != nil {
		t.Fatal(err)
	}
	<-w.Events()
	p.tell(http.MethodPost, "/unavailable", map[string]bool{"on": true}, nil)
	<-w.Done()
	if err := w.Error(); !trace.IsConnectionProblem(err) {
		t.Fatalf("got %v", err)
	}
}

func TestCallsAndWrites(t *testing.T) {
	p := serve(t, 0)
	var before []write
	p.tell(http.MethodGet, "/writes", nil, &before)
	p.tell(http.MethodPost, "/calls/reset", nil, nil)
	created := p.createRole("dev")
	if _, err := p.client.UpdateRole(t.Context(), created); err != nil {
		t.Fatal(err)
	}
	var counted callCounts
	p.tell(http.MethodGet, "/calls", nil, &counted)
	if counted.Total != 2 || counted.Methods["/proto.AuthService/UpdateRole"] != 1 {
		t.Fatalf("counted %+v", counted)
	}
	var log []write
	p.tell(http.MethodGet, "/writes?since="+strconv.Itoa(len(before)), nil, &log)
	if len(log) != 2 || log[0].Method != "/proto.AuthService/CreateRole" || log[0].RevisionBefore != "" ||
		!log[0].Changed || log[1].Changed || log[1].RevisionBefore != log[0].RevisionAfter {
		t.Fatalf("log %+v", log)
	}
	var clock struct{ MS int64 }
	p.tell(http.MethodGet, "/clock", nil, &clock)
	for n, w := range log {
		if w.User != operatorUser || w.BeganMS > w.DoneMS || w.DoneMS > clock.MS || n > 0 && w.BeganMS < log[n-1].DoneMS {
			t.Fatalf("write %d, at %d ms: %+v", n, clock.MS, w)
		}
	}
}

func TestChangesBehindTheBack(t *testing.T) {
	p := serve(t, 0)
	created := p.createRole("dev")
	body := map[string]any{
		"kind": "role", "version": "v7", "metadata": map[string]any{"name": "dev"},
		"spec": map[string]any{"allow": map[string]any{"logins": []string{"admin"}}},
	}
	p.tell(http.MethodPut, "/resource/role/dev", body, nil)
	if p.stored("role", "dev").Revision == created.GetRevision() {
		t.Fatal("the change must have a new revision")
	}
	_, err := p.client.UpdateRole(t.Context(), created)
	wantError(t, err, codes.FailedPrecondition, errRevision.Message)
	p.tell(http.MethodDelete, "/resource/role/dev", nil, nil)
	_, err = p.client.GetRole(t.Context(), "dev")
	wantError(t, err, codes.NotFound, "role dev is not found")
}

func TestFeaturesAndVersion(t *testing.T) {
	p := serve(t, 0)
	p.tell(http.MethodPost, "/features", map[string]any{"entitlements": map[string]any{"OIDC": map[string]any{"enabled": false}}}, nil)
	p.tell(http.MethodPost, "/version", map[string]string{"version": "15.2.4"}, nil)
	answer, err := p.client.Ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if answer.ServerVersion != "15.2.4" || answer.ServerFeatures.Entitlements["OIDC"].Enabled || !answer.ServerFeatures.Entitlements["SAML"].Enabled {
		t.Fatalf("got %v", answer)
	}
}

func TestWrongControlRequests(t *testing.T) {
	p := serve(t, 0)
	cases := []struct {
		method, path string
		body         any
		code         int
	}{
		{http.MethodGet, "/dump?kind=nonsense", nil, http.StatusNotFound},
		{http.MethodGet, "/writes?since=x", nil, http.StatusBadRequest},
		{http.MethodPost, "/inject", fault{Method: "GetRole", Code: "NO_SUCH"}, http.StatusBadRequest},
		{http.MethodPost, "/inject", fault{Method: "["}, http.StatusBadRequest},
		{http.MethodPost, "/lag", lag{MS: -1}, http.StatusBadRequest},
		{http.MethodPost, "/lag", map[string]int{"milliseconds": 1}, http.StatusBadRequest},
		{http.MethodPut, "/resource/nonsense/x", map[string]any{}, http.StatusNotFound},
		{http.MethodPut, "/resource/role/other", map[string]any{"metadata": map[string]any{"name": "dev"}}, http.StatusBadRequest},
		{http.MethodDelete, "/resource/role/none", nil, http.StatusNotFound},
	}
	for _, c := range cases {
		if code, answer := p.ask(c.method, c.path, c.body); code != c.code || !strings.Contains(string(answer), `"error"`) {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, code, answer, c.code)
		}
	}
}
