// call.go is what the server knows about the call that it is answering: the method
// and who calls. It must not decide anything.

package main

import (
	"context"
	"crypto/x509"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"teleport-operator/tests/peers/teleport/pki"
)

// call is one call to this server, over gRPC or the control port.
type call struct {
	method string
	// came is when it began; zero for what the server does by itself.
	came  time.Time
	user  string
	roles []string
	// subject is what the certificate says of the caller; empty without one.
	subject     pki.Subject
	certificate *x509.Certificate
	// trusted calls need no permission.
	trusted bool
}

type callKey struct{}

func withCall(ctx context.Context, c call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callOf returns the call that ctx belongs to; without one, an anonymous call.
func callOf(ctx context.Context) call {
	c, _ := ctx.Value(callKey{}).(call)
	return c
}

// manyCertificates says whether a gRPC peer gave more than its own certificate.
func manyCertificates(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	return ok && len(info.State.PeerCertificates) > 1
}

// clientCertificate returns the verified certificate of a gRPC peer, nil if it gave none.
func clientCertificate(ctx context.Context) *x509.Certificate {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0][0]
}
