// What the mappings name: the messages and methods that the printed files must hold.
// Must know nothing of the mapping language but `resource.message`, how a method is written, and that the
// table `watch` names a stream and, with the first steps of its paths, fields of the stream's events.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// methodName is a method as mappings write it: `package.Service/Method`.
var methodName = regexp.MustCompile(`^(?:[A-Za-z_]\w*\.)+[A-Z]\w*/[A-Z]\w*$`)

// root is one name that a mapping file asks for.
type root struct {
	file   string
	name   string
	method bool
	// fields of a stream's events that are needed beside the resources that other roots reach; nil
	// for what is no stream
	events map[string]bool
}

// readRoots returns the names in all mapping files of a folder.
func readRoots(dir string) ([]root, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no mapping files (*.toml)", dir)
	}
	var roots []root
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var document map[string]any
		if err := toml.Unmarshal(text, &document); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		roots = append(roots, fileRoots(path, document)...)
	}
	return roots, nil
}

// fileRoots returns the names in one mapping file.
func fileRoots(path string, document map[string]any) []root {
	var roots []root
	if resource, ok := document["resource"].(map[string]any); ok {
		if message, ok := resource["message"].(string); ok {
			roots = append(roots, root{file: path, name: message})
		}
	}
	for key, value := range document {
		events := map[string]bool(nil)
		if key == "watch" {
			events = firstSteps(value)
		}
		eachString(value, func(text string) {
			if methodName.MatchString(text) {
				roots = append(roots, root{file: path, name: text, method: true, events: events})
			}
		})
	}
	return roots
}

// firstSteps returns what paths in a TOML value may begin with.
func firstSteps(value any) map[string]bool {
	steps := map[string]bool{}
	eachString(value, func(text string) {
		step, _, _ := strings.Cut(text, ".")
		steps[step] = true
	})
	return steps
}

// eachString visits every string value in a TOML value.
func eachString(value any, visit func(string)) {
	switch value := value.(type) {
	case string:
		visit(value)
	case []any:
		for _, item := range value {
			eachString(item, visit)
		}
	case map[string]any:
		for _, item := range value {
			eachString(item, visit)
		}
	}
}
