package data_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/sdk"
)

// qa reads a question and marks, and passes both on.
type qa struct{}

func (qa) Columns() []sdk.Column {
	return []sdk.Column{{Name: "q", Type: sdk.String, Required: true}, {Name: "marks", Type: sdk.FloatList}}
}

func (qa) Format(r *sdk.Row, o *sdk.Out) error {
	if r.Str(0) == "drop" {
		return o.Drop("asked to")
	}
	c := o.Candidate(r.Str(0), "")
	for _, m := range r.Floats(1) {
		c.Set("mark", m)
	}
	return nil
}

// inProcess returns a formatter whose code is linked into this program.
func inProcess(name string, f sdk.Formatter) data.Formatter {
	format := func(_ context.Context, rows []sdk.Row) ([]sdk.Result, error) {
		return sdk.FormatRows(f, rows), nil
	}
	return data.Formatter{Name: name, Columns: f.Columns(), Format: format}
}

// write puts a file into a new folder and makes that the working folder, so that errors have short paths.
func write(t *testing.T, name, content string) source.Files {
	t.Helper()
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o666))
	return source.Files{Paths: []string{name}, Setting: "data_paths"}
}

// collect reads all examples of a set.
func collect(t *testing.T, set data.Set) []data.Example {
	t.Helper()
	all, err := data.Collect(set.Examples)
	require.NoError(t, err)
	return all
}
