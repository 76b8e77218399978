// Command teleport-auth is an auth server made of Teleport's own types, for tests of
// clients that manage resources. It keeps everything in memory and on loopback, and is
// no Teleport: it serves resources, not sessions, joining or enrolment.
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
	flags.StringVar(&o.version, "server-version", api.Version, "`version` that Ping tells")
	flags.DurationVar(&o.lag, "cache-lag", 800*time.Millisecond, "poll `period` of the cache that reads are served from; 0 for none")
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
	return o, nil
}
