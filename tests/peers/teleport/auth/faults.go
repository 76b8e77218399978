// faults.go makes the server fail or slow down on demand, and counts calls. It sees a
// call before and after the services do, and must not know what a call means.

package main

import (
	"context"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/gravitational/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fault is what to do to the calls of some methods.
type fault struct {
	// Method is a full method ("/proto.AuthService/GetRole"), the bare name of one
	// ("GetRole"), or a glob for either ("*.UsersService/*", "Get*").
	Method string `json:"method"`
	// Code is a gRPC code by name ("UNAVAILABLE"); empty or "OK" adds latency only.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Times is how many calls are hit; -1 is all until cleared; 0 counts as 1.
	Times     int `json:"times"`
	LatencyMS int `json:"latency_ms"`
	// Applied lets the call take effect before it is answered with the error.
	Applied bool `json:"applied"`

	code codes.Code
}

// prepare checks f and completes it.
func (f *fault) prepare() error {
	if _, err := path.Match(f.Method, ""); err != nil || f.Method == "" {
		return trace.BadParameter("method: %q is no method or glob", f.Method)
	}
	if f.Code != "" {
		if err := f.code.UnmarshalJSON([]byte(`"` + strings.ToUpper(f.Code) + `"`)); err != nil {
			return trace.BadParameter("code: %q is no gRPC code", f.Code)
		}
	}
	if f.Times == 0 {
		f.Times = 1
	}
	return nil
}

func (f *fault) hits(method string) bool {
	pattern := strings.TrimPrefix(f.Method, "/")
	// prepare has seen to it that the pattern is a good one.
	full, _ := path.Match(pattern, strings.TrimPrefix(method, "/"))
	short, _ := path.Match(pattern, path.Base(method))
	return full || short
}

func (f *fault) delay() time.Duration { return time.Duration(f.LatencyMS) * time.Millisecond }

func (f *fault) err() error {
	if f.code == codes.OK {
		return nil
	}
	return status.Error(f.code, f.Message)
}

// faults holds what is to go wrong, and counts calls by full method.
type faults struct {
	mu          sync.Mutex
	injected    []*fault
	counts      map[string]int
	unavailable bool
	// outage is done from the moment that the server becomes unavailable.
	outage context.Context
	strike context.CancelFunc
}

func newFaults() *faults {
	f := &faults{counts: map[string]int{}}
	f.outage, f.strike = context.WithCancel(context.Background())
	return f
}

// errOutage is the answer to every call during an outage.
var errOutage = status.Error(codes.Unavailable, "the auth server is unavailable")

// begin counts a call and returns the fault that it meets, nil for none.
func (f *faults) begin(method string) *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[method]++
	if f.unavailable {
		return &fault{code: status.Code(errOutage), Message: status.Convert(errOutage).Message()}
	}
	for i, candidate := range f.injected {
		if !candidate.hits(method) {
			continue
		}
		met := *candidate
		if candidate.Times > 0 {
			candidate.Times--
		}
		if candidate.Times == 0 {
			f.injected = append(f.injected[:i], f.injected[i+1:]...)
		}
		return &met
	}
	return nil
}

func (f *faults) inject(one fault) error {
	if err := one.prepare(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.injected = append(f.injected, &one)
	return nil
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.injected = nil
}

func (f *faults) setUnavailable(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if on == f.unavailable {
		return
	}
	f.unavailable = on
	if on {
		f.strike()
		return
	}
	f.outage, f.strike = context.WithCancel(context.Background())
}

// during returns ctx, which ends with errOutage if an outage begins.
func (f *faults) during(ctx context.Context) (context.Context, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(f.outage, func() { cancel(errOutage) })
	return ctx, func() { stop(); cancel(nil) }
}

// callCounts is what GET /calls answers.
type callCounts struct {
	Total   int            `json:"total"`
	Methods map[string]int `json:"methods"`
}

func (f *faults) calls() callCounts {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := callCounts{Methods: map[string]int{}}
	for method, n := range f.counts {
		c.Methods[method] = n
		c.Total += n
	}
	return c
}

func (f *faults) resetCalls() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts = map[string]int{}
}
