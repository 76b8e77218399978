// authservice.go is the old service that serves many kinds: its methods are in the
// files of these. What none of them has answers UNIMPLEMENTED.

package main

import "github.com/gravitational/teleport/api/client/proto"

type authService struct {
	proto.UnimplementedAuthServiceServer
	*kinds
	cache *cache
	about *about
	// joining signs certificates; there is none in plaintext.
	joining *joining
}
