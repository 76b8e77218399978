package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAJournalOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	first := newStore()
	if err := first.keep(path); err != nil {
		t.Fatal(err)
	}
	always := func(*record) error { return nil }
	for _, name := range []string{"a", "b", "a"} {
		r := record{Kind: "role", Name: name, JSON: []byte(`{"x":1}`), Type: "T", Value: []byte("v")}
		if _, err := first.put(call{method: "test"}, r, always); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.remove(call{method: "test"}, "role", "b", always); err != nil {
		t.Fatal(err)
	}
	// A write that was cut off while it was kept.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"kind":"role","na`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		second := newStore()
		if err := second.keep(path); err != nil {
			t.Fatal(err)
		}
		was, _ := first.get("role", "a")
		is, ok := second.get("role", "a")
		if !ok || is.Revision != was.Revision || is.Name != "a" || string(is.JSON) != `{"x":1}` || string(is.Value) != "v" {
			t.Errorf("a is %+v, and was %+v", is, was)
		}
		if all := second.all("role"); len(all) != 1 {
			t.Errorf("there are %d roles", len(all))
		}
	}
}
