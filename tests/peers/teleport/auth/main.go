// Command teleport-auth is an auth server made of Teleport's own types, for tests of
// clients that join a cluster and manage its resources. It keeps everything in memory and
// on loopback, and is no Teleport: it serves resources and joining bots, not sessions.
//
//	teleport-auth -dir DIR                      the auth server alone, with an identity file
//	teleport-auth -dir DIR -proxy 127.0.0.1:0   and a proxy in front of it
//	        -balancer 127.0.0.1:0               and a layer-7 load balancer in front of that
//	        -profile 17                         as that generation joins: 15, 16, 17, 18, 18.3,
//	                                            18.5, 19, 20 (what sets them apart: profile.go)
//
// DIR/ready.json appears when it serves: see its type in files.go for what it tells. A bot
// and tokens are made over the control port, as in
//
//	curl -X PUT $control/resource/bot/operator -d '{"metadata":{"name":"operator"},"spec":{"roles":["operator"]}}'
//	curl -X PUT $control/resource/token/secret -d '{"kind":"token","version":"v2","metadata":{"name":"secret"},
//	    "spec":{"roles":["Bot"],"bot_name":"operator","join_method":"token"}}'
//
// What else can be done to it while it runs, control.go lists.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gravitational/teleport/api"

	"teleport-operator/tests/peers/teleport/pki"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "teleport-auth:", err)
		os.Exit(1)
	}
}

// run serves until a signal or a failure.
func run(args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	s, err := start(o)
	if err != nil {
		return err
	}
	fmt.Printf("auth %s\ncontrol %s\n", s.Auth, s.Control)
	select {
	case <-signals:
		return s.stop()
	case err := <-s.failed:
		return errors.Join(err, s.stop())
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("teleport-auth", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "`address` of the auth server")
	flags.StringVar(&o.control, "control", "127.0.0.1:0", "`address` of the control port (HTTP)")
	flags.StringVar(&o.dir, "dir", ".", "`directory` for identity and ready.json")
	flags.StringVar(&o.cluster, "cluster", "teleport.example.com", "`name` of the cluster")
	flags.StringVar(&o.version, "server-version", "", "`version` that the server tells (default: the profile's; without -profile, the API module's)")
	flags.StringVar(&o.proxy, "proxy", "", "`address` of a proxy; none without it")
	flags.StringVar(&o.balancer, "balancer", "", "`address` of a load balancer in front of the proxy; none without it")
	generation := flags.String("profile", "", "`generation` of Teleport that joining is of (default: "+defaultProfile+")")
	flags.StringVar((*string)(&o.web), "web-certificate", string(pki.WebSigned), "`kind` of the certificate that the proxy shows: signed, self, misnamed or expired")
	flags.BoolVar(&o.separate, "separate", false, "let the proxy tell that TLS routing is off")
	flags.DurationVar(&o.lag, "cache-lag", 800*time.Millisecond, "poll `period` of the cache that reads are served from; 0 for none")
	flags.StringVar(&o.journal, "journal", "", "`file` that keeps resources for the process that takes this one's place")
	flags.BoolVar(&o.plaintext, "plaintext", false, "serve without TLS and without permission checks")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.lag < 0 {
		return o, fmt.Errorf("-cache-lag %v is negative", o.lag)
	}
	if o.balancer != "" && o.proxy == "" {
		return o, errors.New("-balancer needs -proxy")
	}
	return o, o.setProfile(*generation)
}

// setProfile chooses the generation, and its version where none was given.
func (o *options) setProfile(name string) error {
	version := api.Version
	if name == "" {
		name = defaultProfile
	} else {
		version = profiles[name].version
	}
	if o.version == "" {
		o.version = version
	}
	var err error
	o.profile, err = profileOf(name)
	return err
}
