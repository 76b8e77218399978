// profile.go is what sets the generations of Teleport apart in joining: which endpoints
// there are and which fields count. Facts that are uncertain differ between profiles, so
// that a client meets both forms.

package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/gravitational/trace"
)

// profile is one generation.
type profile struct {
	name string
	// version is what such a server says it is.
	version string
	// authHTTP: the auth server's own join endpoint over HTTP/1.1.
	authHTTP bool
	// proxyHTTP: the proxy's.
	proxyHTTP bool
	// registerUsingToken: the older gRPC call, on the auth server.
	registerUsingToken bool
	// joinMethods are those that the newest service knows; without any it is not there.
	joinMethods []string
	// separateKeys: each certificate is for its own public key, and in GenerateUserCerts
	// the newer key fields count. Else the SSH key is for both, and only the old one counts.
	separateKeys bool
	// instances: every bot's join makes an instance of it, with its own generation.
	instances bool
	// suite: discovery tells the signature algorithm suite.
	suite bool
	// suiteNumber: as its number, where others write its name.
	suiteNumber bool
	// attributes: certificates carry how their bot joined.
	attributes bool
	// capped: an impersonated certificate ends with the bot's.
	capped bool
	// legacyUpgrade: connections can be upgraded without WebSockets.
	legacyUpgrade bool
}

var everyMethod = []string{"token", "kubernetes"}

var profiles = map[string]profile{
	"15":   {version: "15.5.4", authHTTP: true, proxyHTTP: true, legacyUpgrade: true},
	"16":   {version: "16.5.13", authHTTP: true, proxyHTTP: true, instances: true, legacyUpgrade: true},
	"17":   {version: "17.7.10", authHTTP: true, proxyHTTP: true, registerUsingToken: true, separateKeys: true, instances: true, suite: true, suiteNumber: true, attributes: true, capped: true, legacyUpgrade: true},
	"18":   {version: "18.2.0", proxyHTTP: true, registerUsingToken: true, separateKeys: true, instances: true, suite: true, attributes: true, capped: true},
	"18.3": {version: "18.3.1", proxyHTTP: true, registerUsingToken: true, joinMethods: []string{"token"}, separateKeys: true, instances: true, suite: true, attributes: true, capped: true},
	"18.5": {version: "18.5.1", proxyHTTP: true, registerUsingToken: true, joinMethods: everyMethod, separateKeys: true, instances: true, suite: true, attributes: true, capped: true},
	"19":   {version: "19.0.0", proxyHTTP: true, registerUsingToken: true, joinMethods: everyMethod, separateKeys: true, instances: true, suite: true, attributes: true, capped: true},
	// What is announced: only the newest service is left.
	"20": {version: "20.0.0", joinMethods: everyMethod, separateKeys: true, instances: true, suite: true, attributes: true, capped: true},
}

// defaultProfile is what the API module at hand belongs to.
const defaultProfile = "18"

func profileOf(name string) (profile, error) {
	found, ok := profiles[name]
	if !ok {
		return profile{}, trace.BadParameter("-profile %q is none of %s", name, strings.Join(slices.Sorted(maps.Keys(profiles)), ", "))
	}
	found.name = name
	return found, nil
}
