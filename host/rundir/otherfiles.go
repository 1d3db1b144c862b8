package rundir

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// otherFiles says in which training files the run that made the checkpoint of s differs
// from one over files: ": FILE had 100 bytes and has 120". It says nothing where the
// record of the run does not tell.
func otherFiles(s Start, files []SourceRecord) string {
	before, err := ReadRecord(filepath.Dir(s.Checkpoint))
	if err != nil || len(before.Data) == 0 {
		return ""
	}
	was := map[string]SourceRecord{}
	for _, f := range before.Data {
		was[f.Path] = f
	}
	var changes []string
	for _, f := range files {
		old, known := was[f.Path]
		delete(was, f.Path)
		if change := f.changeFrom(old); !known {
			changes = append(changes, f.Path+" was not among its files")
		} else if change != "" {
			changes = append(changes, f.Path+" "+change)
		}
	}
	for _, f := range before.Data { // in their order
		if _, left := was[f.Path]; left {
			changes = append(changes, f.Path+" is missing now")
		}
	}
	if changes == nil {
		changes = append(changes, "its files were in another order")
	}
	return ": " + strings.Join(changes[:min(len(changes), 3)], ", ") + more(len(changes)-3)
}

// more counts what is not listed.
func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// changeFrom says what is different about a file, "" for nothing.
func (f SourceRecord) changeFrom(old SourceRecord) string {
	was, is := old.size(), f.size()
	switch {
	case was != 0 && is > was:
		return fmt.Sprintf("had %d bytes and has %d: something was appended, or it was written again", was, is)
	case was != 0 && is != was:
		return fmt.Sprintf("had %d bytes and has %d", was, is)
	case f.SHA256 != old.SHA256:
		return "has another content"
	case f.Identity == nil || old.Identity == nil || *f.Identity == *old.Identity:
		return ""
	case f.Identity.Ends != old.Identity.Ends:
		return "begins or ends otherwise"
	}
	return fmt.Sprintf("was written at %s and not, as then, at %s", f.Identity.Modified.Format(time.RFC3339Nano), old.Identity.Modified.Format(time.RFC3339Nano))
}

// size is how many bytes the file has, 0 where the record does not tell.
func (f SourceRecord) size() int64 {
	if f.Identity != nil {
		return f.Identity.Bytes
	}
	return f.Bytes
}
