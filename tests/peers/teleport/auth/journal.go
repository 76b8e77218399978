// journal.go keeps every write in a file before it is answered, so that a process that is
// killed is followed by one with the same resources. It knows nothing of what they mean.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/gravitational/trace"
)

// journal is a file of JSON lines, one a write.
type journal struct{ file *os.File }

// entry is one line. There is no record where the resource was deleted.
type entry struct {
	Kind   string  `json:"kind"`
	Name   string  `json:"name"`
	Record *record `json:"record"`
}

// openJournal replays what is in the file, oldest first, and then takes more. A last line
// that is not whole is of a write that nobody was told of: it is dropped.
func openJournal(path string, replay func(key, *record)) (*journal, error) {
	content, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, trace.ConvertSystemError(err)
	}
	whole := bytes.LastIndexByte(content, '\n') + 1
	for line := range bytes.Lines(content[:whole]) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, trace.Wrap(err, "journal %v", path)
		}
		if e.Record != nil {
			e.Record.Kind, e.Record.Name = e.Kind, e.Name
		}
		replay(key{e.Kind, e.Name}, e.Record)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, trace.ConvertSystemError(err)
	}
	if err := file.Truncate(int64(whole)); err != nil {
		return nil, trace.ConvertSystemError(err)
	}
	_, err = file.Seek(int64(whole), 0)
	return &journal{file}, trace.ConvertSystemError(err)
}

// write adds a line. A write that can't be kept must not be answered: the process ends.
func (j *journal) write(k key, r *record) {
	if j == nil {
		return
	}
	line, err := json.Marshal(entry{k.kind, k.name, r})
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "teleport-auth: journal:", err)
		os.Exit(1)
	}
}
