// Package conformance compares llmhost with golden numbers that others
// computed: every case under $LLMHOST_FIXTURES, and a small copy of its own.
// Cases are found by listing folders; names, shapes and ids come from them.
// Start at suites_test.go.
package conformance_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/host/safetensors"

	"github.com/stretchr/testify/require"
)

// fixtures is one tree of cases.
type fixtures struct{ root string }

// TestOwnCopy runs the cases under testdata, of which every suite has some.
func TestOwnCopy(t *testing.T) {
	f := fixtures{"testdata"}
	for folder := range suites {
		require.NotEmpty(t, f.list(t, folder), "testdata/%s", folder)
	}
	run(t, f)
}

// TestFixtures runs the cases under $LLMHOST_FIXTURES.
func TestFixtures(t *testing.T) {
	root := os.Getenv("LLMHOST_FIXTURES")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "fixtures")
	}
	if _, err := os.Stat(root); err != nil {
		t.Skipf("no golden numbers at %s; set LLMHOST_FIXTURES to their folder", root)
	}
	run(t, fixtures{root})
}

// run runs every case of every folder of the tree, under folder/case. A tree may
// lack some suites, but not all, and a suite that it has must have a case.
func run(t *testing.T, f fixtures) {
	folders := f.folders(t)
	covered := 0
	for _, folder := range folders {
		s, known := suites[folder]
		if known {
			covered++
		}
		t.Run(folder, func(t *testing.T) {
			if !known {
				t.Skipf("not covered yet: llmhost does nothing of the kind that %s holds", folder)
			}
			s.run(t, f, folder)
		})
	}
	require.NotZero(t, covered, "%s has no folder of a suite; its folders are %q", f.root, folders)
	for _, folder := range slices.Sorted(maps.Keys(suites)) {
		if !slices.Contains(folders, folder) {
			t.Run(folder, func(t *testing.T) { t.Skipf("%s has no folder of this name", f.root) })
		}
	}
}

// run runs every case of the suite's folder.
func (s suite) run(t *testing.T, f fixtures, folder string) {
	cases := f.list(t, folder)
	if s.part != nil {
		cases = slices.DeleteFunc(cases, s.part) // other cases read them
	}
	require.NotEmpty(t, cases, "%s has no case", filepath.Join(f.root, folder))
	for _, name := range cases {
		t.Run(name, func(t *testing.T) {
			if why := s.skip(f, name); why != "" {
				t.Skip(why)
			}
			s.check(t, f, name)
		})
	}
}

// folders names the folders of the tree, sorted.
func (f fixtures) folders(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(f.root)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// list names the cases of a folder: its JSON files without the ending, and its folders.
func (f fixtures) list(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(f.root, folder))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		name, isJSON := strings.CutSuffix(e.Name(), ".json")
		if isJSON || e.IsDir() {
			names = append(names, name)
		}
	}
	return names
}

// read decodes FOLDER/NAME.json.
func read[T any](t *testing.T, f fixtures, folder, name string) T {
	t.Helper()
	out, err := decode[T](f, folder, name)
	require.NoError(t, err)
	return out
}

func decode[T any](f fixtures, folder, name string) (out T, err error) {
	path := filepath.Join(f.root, folder, name+".json")
	text, err := os.ReadFile(path)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// tensors opens FOLDER/NAME.safetensors.
func tensors(t *testing.T, f fixtures, folder, name string) *safetensors.File {
	t.Helper()
	file, err := safetensors.Open(filepath.Join(f.root, folder, name+".safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

// array is a tensor of numbers, out of nested JSON lists or a safetensors file.
type array struct {
	values []float64 // row-major
	shape  []int64
}

// UnmarshalJSON reads nested lists of numbers, all of one length on each level.
func (a *array) UnmarshalJSON(text []byte) error {
	var number float64
	if json.Unmarshal(text, &number) == nil {
		*a = array{values: []float64{number}}
		return nil
	}
	var rows []array
	if err := json.Unmarshal(text, &rows); err != nil {
		return err
	}
	a.shape = []int64{int64(len(rows))}
	for i, row := range rows {
		if i == 0 {
			a.shape = append(a.shape, row.shape...)
		}
		a.values = append(a.values, row.values...)
	}
	return nil
}

// fetch returns a tensor of a file, whatever its type.
func fetch(t *testing.T, file *safetensors.File, name string) array {
	t.Helper()
	x, err := file.Get(name)
	require.NoError(t, err)
	values, err := x.Float64s()
	if err != nil {
		var whole []int64
		whole, err = x.Int64s()
		values = convert[float64](whole)
	}
	require.NoError(t, err)
	return array{values, x.Shape}
}

func convert[To, From int32 | int64 | float32 | float64](from []From) []To {
	to := make([]To, len(from))
	for i, v := range from {
		to[i] = To(v)
	}
	return to
}

// rows cuts an array into its innermost rows.
func (a array) rows() [][]float64 {
	var rows [][]float64
	for width, at := int(a.shape[len(a.shape)-1]), 0; at < len(a.values); at += width {
		rows = append(rows, a.values[at:at+width])
	}
	return rows
}

func (a array) ints() [][]int64 {
	var rows [][]int64
	for _, row := range a.rows() {
		rows = append(rows, convert[int64](row))
	}
	return rows
}
