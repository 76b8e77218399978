// joinregister.go is the list of gRPC services to join by: the auth server's, and those that
// the proxy has for callers without an identity.

package main

import (
	"github.com/gravitational/teleport/api/client/proto"
	"google.golang.org/grpc"
)

// register adds the auth server's services.
func (j *joining) register(r *grpc.Server) {
	proto.RegisterJoinServiceServer(r, &joinService{joining: j})
	j.registerJoinV1(r, viaAuthJoin)
}

// registerProxy adds the proxy's.
func (j *joining) registerProxy(r grpc.ServiceRegistrar) {
	j.registerJoinV1(r, viaProxyJoin)
}

func (j *joining) registerJoinV1(r grpc.ServiceRegistrar, endpoint string) {
	if len(j.profile.joinMethods) == 0 {
		return
	}
	r.RegisterService(joinV1Description(func(stream joinStream) error { return j.joinV1(endpoint, stream) }), struct{}{})
}
