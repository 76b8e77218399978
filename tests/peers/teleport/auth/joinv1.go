// joinv1.go is joining by the newest service: hello, what method the token is for, the
// proof, the certificates. Its keys and certificates are in DER and SSH wire format.

package main

import (
	"encoding/pem"
	"slices"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
	"golang.org/x/crypto/ssh"
)

// joinV1 answers one exchange, which came to the endpoint.
func (j *joining) joinV1(endpoint string, stream joinStream) error {
	first, err := stream.receive()
	if err != nil {
		return err
	}
	if !first.has("client_init") {
		return trace.BadParameter("expected client init message, got none")
	}
	request := &types.RegisterUsingTokenRequest{}
	method, err := j.greet(first.at("client_init"), request)
	if err != nil {
		return j.failed(endpoint, err)
	}
	if err := stream.send(j.serverInit(method)); err != nil {
		return err
	}
	// Only now, as those versions do that have the service and not every method.
	if !slices.Contains(j.profile.joinMethods, method) {
		return trace.NotImplemented("join method %s is not yet implemented by the new join service", method)
	}
	second, err := stream.receive()
	if err != nil {
		return err
	}
	if err := proof(second, method, request); err != nil {
		return j.failed(endpoint, err)
	}
	certificates, err := j.join(stream.Context(), endpoint, request)
	if err != nil {
		return err
	}
	return stream.send(certificates.joinV1())
}

// failed writes down an attempt that did not get as far as the token.
func (j *joining) failed(endpoint string, err error) error {
	j.log.add(joinEntry{Endpoint: endpoint, Time: j.cluster.Now().UTC(), Error: trace.UserMessage(err)})
	return err
}

// greet reads the hello; the token's method is what the client must prove itself by.
func (j *joining) greet(hello node, request *types.RegisterUsingTokenRequest) (string, error) {
	if role := hello.text("system_role"); role != string(types.RoleBot) {
		return "", trace.BadParameter("system_role %q is not supported here", role)
	}
	request.Role, request.Token = types.RoleBot, hello.text("token_name")
	if request.Token == "" {
		return "", trace.BadParameter("missing parameter Token")
	}
	token, err := j.valid(request.Token)
	if err != nil {
		return "", trace.AccessDenied("token expired or not found")
	}
	method := string(token.GetJoinMethod())
	if hello.has("join_method") && hello.text("join_method") != method {
		return "", trace.BadParameter("client requested join method %s, provision token only supports method %s", hello.text("join_method"), method)
	}
	if !token.GetRoles().Include(request.Role) {
		return "", trace.BadParameter("can not join the cluster, the token does not allow role %s", request.Role)
	}
	return method, nil
}

func (j *joining) serverInit(method string) node {
	message := newNode("JoinResponse")
	init := message.in("init")
	init.setText("join_method", method)
	init.setText("signature_algorithm_suite", suiteName)
	return message
}

// proof reads the keys, and what the method asks for.
func proof(message node, method string, request *types.RegisterUsingTokenRequest) error {
	field, wanted := message, "token_init"
	if method == string(types.JoinMethodKubernetes) {
		wanted = "oidc_init"
	}
	switch {
	case message.has("giving_up"):
		return trace.BadParameter("client gave up: %s", message.at("giving_up").text("msg"))
	case wanted == "token_init" && message.has("token_init"):
		field = message.at("token_init")
	case wanted == "oidc_init" && message.has("oidc_init"):
		field = message.at("oidc_init")
		request.IDToken = string(field.bytes("id_token"))
	default:
		return trace.BadParameter("expected %s message", wanted)
	}
	if params := field.at("client_params"); params.has("bot_params") {
		return botParams(params.at("bot_params"), request)
	}
	return trace.BadParameter("bot params are required")
}

func botParams(params node, request *types.RegisterUsingTokenRequest) error {
	expires, err := params.timestamp("expires")
	if err != nil {
		return trace.Wrap(err)
	}
	if expires == nil || expires.AsTime().IsZero() || expires.GetSeconds() == 0 {
		return trace.BadParameter("expires is required")
	}
	until := expires.AsTime()
	request.Expires = &until
	public := params.at("public_keys")
	request.PublicTLSKey = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public.bytes("public_tls_key")})
	key, err := ssh.ParsePublicKey(public.bytes("public_ssh_key"))
	if err != nil {
		return trace.BadParameter("public_ssh_key: %v", err)
	}
	request.PublicSSHKey = ssh.MarshalAuthorizedKey(key)
	return nil
}

// joinV1 is the newest message for what was issued.
func (i *issued) joinV1() node {
	message := newNode("JoinResponse")
	certificates := message.in("result").in("bot_result").in("certificates")
	certificates.setBytes("tls_cert", i.tls)
	for _, authority := range i.forTLS {
		certificates.addBytes("tls_ca_certs", authority.DER())
	}
	certificates.setBytes("ssh_cert", i.ssh.Marshal())
	for _, authority := range i.forSSH {
		certificates.addBytes("ssh_ca_keys", authority.SSH().Marshal())
	}
	return message
}
