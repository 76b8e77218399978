// intercept.go is what every gRPC call passes: faults, the client version, who calls,
// and the official translation of errors to gRPC codes. It must not know methods, but
// for the greeting, which needs no valid version.

package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/coreos/go-semver/semver"
	clientmetadata "github.com/gravitational/teleport/api/metadata"
	"github.com/gravitational/teleport/api/trail"
	"github.com/gravitational/trace"
	"google.golang.org/grpc"

	"teleport-operator/tests/peers/teleport/pki"
)

const pingMethod = "/proto.AuthService/Ping"

// gate is the entrance of every call.
type gate struct {
	faults *faults
	// trusted says that callers need no certificate and no permission.
	trusted bool
	// barred refuses a caller who is locked out, or no longer exists. It is not asked about
	// those who join.
	barred func(pki.Subject) error
}

func (g *gate) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	var response any
	err := g.pass(ctx, info.FullMethod, func(ctx context.Context) (err error) {
		response, err = handler(ctx, request)
		return err
	})
	return response, err
}

func (g *gate) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return g.pass(stream.Context(), info.FullMethod, func(ctx context.Context) error {
		ctx, done := g.faults.during(ctx)
		defer done()
		err := handler(server, &contextStream{stream, ctx})
		if errors.Is(context.Cause(ctx), errOutage) {
			return errOutage
		}
		return err
	})
}

// pass answers the call with answer, or with the fault that it meets.
func (g *gate) pass(ctx context.Context, method string, answer func(context.Context) error) error {
	met := g.faults.begin(method)
	if met == nil {
		return g.serve(ctx, method, answer)
	}
	if err := sleep(ctx, met.delay()); err != nil {
		return err
	}
	if met.err() != nil && !met.Applied {
		return met.err()
	}
	if err := g.serve(ctx, method, answer); err != nil {
		return err
	}
	return met.err()
}

func (g *gate) serve(ctx context.Context, method string, answer func(context.Context) error) error {
	if err := checkVersion(ctx, method); err != nil {
		return trail.ToGRPC(err)
	}
	c := g.call(ctx, method)
	if err := g.admit(ctx, c); err != nil {
		return trail.ToGRPC(err)
	}
	return trail.ToGRPC(answer(withCall(ctx, c)))
}

// admit refuses whoever may not call anything.
func (g *gate) admit(ctx context.Context, c call) error {
	if manyCertificates(ctx) {
		return trace.AccessDenied("access denied")
	}
	if c.certificate == nil || strings.Contains(c.method, "JoinService/") {
		return nil
	}
	return g.barred(c.subject)
}

func (g *gate) call(ctx context.Context, method string) call {
	c := call{method: method, came: time.Now(), trusted: g.trusted}
	if certificate := clientCertificate(ctx); certificate != nil {
		c.subject, c.certificate = pki.SubjectOf(certificate), certificate
		c.user, c.roles = c.subject.User, c.subject.Roles
	}
	return c
}

// checkVersion refuses a client version that can't be parsed; none is fine, and so is
// any other (observed on Teleport 14).
func checkVersion(ctx context.Context, method string) error {
	version, ok := clientmetadata.ClientVersionFromContext(ctx)
	if !ok || method == pingMethod {
		return nil
	}
	if _, err := semver.NewVersion(version); err != nil {
		return trace.BadParameter("unrecognized client version: %s is not a valid semver", version)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// contextStream is a stream with another context.
type contextStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *contextStream) Context() context.Context { return s.ctx }
