// Command teleport-protos prints the part of Teleport's API that the mappings reach as `.proto` files.
//
//	teleport-protos -mappings mappings/teleport -newer proto/teleport/newer \
//	    -additions proto/teleport/additions -out proto/teleport/official [-younger proto/teleport/younger.toml] [-check]
//
// It takes every official fact from the Go API module that it is linked with, never from the network, and writes
// nothing but `.proto` files below -out and the list -younger. What is younger than the module lies as source in -newer and shadows the
// official file of the same import path; what younger versions only added to an official file lies in -additions.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(command(os.Args[1:], os.Stderr))
}

// command runs the program and returns its exit code: 0 done or current, 1 failed or stale, 2 wrong usage.
func command(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("teleport-protos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	mappings := flags.String("mappings", "", "`folder` of the mapping files (*.toml): they name what to print")
	newer := flags.String("newer", "", "`folder` of .proto sources, by import path, that are younger than the API module")
	additions := flags.String("additions", "", "`folder` of .proto sources, by import path, that add to the API module's files; optional")
	out := flags.String("out", "", "`folder` to print into, by import path")
	list := flags.String("younger", "", "`file` to list in what the API module does not have; optional")
	check := flags.Bool("check", false, "write nothing; fail if -out is not what would be printed")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if *mappings == "" || *newer == "" || *out == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "teleport-protos: -mappings, -newer and -out are needed, and nothing else")
		flags.Usage()
		return 2
	}
	if err := run(folders{*mappings, *newer, *additions, *out, *list}, *check); err != nil {
		fmt.Fprintln(stderr, "teleport-protos:", err)
		return 1
	}
	return 0
}

// folders are where everything lies; additions and younger may be empty.
type folders struct{ mappings, newer, additions, out, younger string }

// run prints what the mappings reach into out, or with check compares it to what lies there.
func run(in folders, check bool) error {
	files, list, err := generate(in)
	if err != nil {
		return err
	}
	if in.younger != "" {
		if err := keep(in.younger, list, check); err != nil {
			return err
		}
	}
	changes, err := compare(in.out, files)
	if err != nil {
		return err
	}
	if check {
		return stale(in.out, changes)
	}
	return apply(in.out, files, changes)
}

// generate returns the text of every official file that the mappings reach, by import path, and the list of what is
// younger than the module.
func generate(in folders) (map[string]string, string, error) {
	roots, err := readRoots(in.mappings)
	if err != nil {
		return nil, "", err
	}
	official, err := officialFiles()
	if err != nil {
		return nil, "", err
	}
	additions := sources{}
	if in.additions != "" {
		if additions, err = readProtos(in.additions); err != nil {
			return nil, "", err
		}
	}
	base := official
	if official, err = add(official, additions); err != nil {
		return nil, "", err
	}
	newer, err := readProtos(in.newer)
	if err != nil {
		return nil, "", err
	}
	for path := range additions {
		if _, shadowed := newer[path]; shadowed {
			return nil, "", fmt.Errorf("%s: both added to and shadowed by a newer file: put it all in the newer one", path)
		}
	}
	linked, err := link(newer, official)
	if err != nil {
		return nil, "", err
	}
	reached, err := reach(roots, linked, newer)
	if err != nil {
		return nil, "", err
	}
	list := younger(base, linked, newer, additions)
	files, err := printFiles(prune(official, reached, linked), reached.sources(), additions)
	return files, list, err
}
