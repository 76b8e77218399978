// Reading and linking `.proto` sources together with official descriptors.
// Must not decide what is printed.

package main

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// sources are texts of `.proto` files by import path.
type sources map[string]string

// readProtos reads every `.proto` file below a folder.
func readProtos(dir string) (sources, error) {
	texts := sources{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".proto" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		texts[filepath.ToSlash(name)] = string(text)
		return nil
	})
	return texts, err
}

// link compiles sources and descriptors to one linked set; a source shadows the descriptor of the same path.
func link(texts sources, protos protoFiles) (linker.Files, error) {
	find := func(path string) (protocompile.SearchResult, error) {
		if text, ok := texts[path]; ok {
			return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
		}
		if file, ok := protos[path]; ok {
			return protocompile.SearchResult{Proto: file}, nil
		}
		return protocompile.SearchResult{}, protoregistry.NotFound
	}
	paths := slices.Collect(maps.Keys(texts))
	for path := range protos {
		if _, shadowed := texts[path]; !shadowed {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(find)),
	}
	files, err := compiler.Compile(context.Background(), paths...)
	if err != nil {
		return nil, fmt.Errorf("the protos do not compile: %w", err)
	}
	return files, nil
}
