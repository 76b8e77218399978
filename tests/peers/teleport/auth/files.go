// files.go writes what a test needs to find this server: ready.json, and what it names.

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/trace"

	"teleport-operator/tests/peers/teleport/pki"
)

// readyFile is written when the server serves.
const readyFile = "ready.json"

// ready is the content of ready.json.
type ready struct {
	Auth    string `json:"auth"`
	Control string `json:"control"`
	// Identity is the path of the operator's identity file; none in plaintext.
	Identity string `json:"identity,omitempty"`
	// Proxy and Balancer are addresses, by the name that their certificates have.
	Proxy    string `json:"proxy,omitempty"`
	Balancer string `json:"balancer,omitempty"`
	// WebCA is the path of the certificates to trust for these two.
	WebCA string `json:"web_ca,omitempty"`
	// Pins are those of the host authorities at the start.
	Pins []string `json:"ca_pins,omitempty"`
}

func writeIdentity(dir string, c *pki.Cluster) (string, error) {
	identity, err := c.Identity(operatorUser, []string{operatorRole})
	if err != nil {
		return "", err
	}
	content, err := identityfile.Encode(identity)
	if err != nil {
		return "", trace.Wrap(err)
	}
	return writeFile(dir, "identity", content)
}

// writeFile writes a file that only this user reads, and gives its whole path.
func writeFile(dir, name string, content []byte) (string, error) {
	path, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil {
		return "", trace.Wrap(err)
	}
	return path, trace.ConvertSystemError(os.WriteFile(path, content, identityfile.FilePermissions))
}

// prepareDir makes the directory and takes a former run's ready.json out of it.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return trace.ConvertSystemError(err)
	}
	err := os.Remove(filepath.Join(dir, readyFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return trace.ConvertSystemError(err)
}

// writeReady makes ready.json appear whole or not at all.
func writeReady(dir string, r ready) error {
	content, err := json.Marshal(r)
	if err != nil {
		return trace.Wrap(err)
	}
	path := filepath.Join(dir, readyFile)
	if err := os.WriteFile(path+".tmp", content, 0o600); err != nil {
		return trace.ConvertSystemError(err)
	}
	return trace.ConvertSystemError(os.Rename(path+".tmp", path))
}
