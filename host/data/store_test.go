package data_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/sdk"
)

// unkept are the fields that a store does not hold, each with the reason.
var unkept = map[string]string{
	"Example.Labels":    "a labeler sets them",
	"Example.Padding":   "it is that of all examples",
	"Sequence.RefLogps": "they are of a reference model",
}

// fill sets every field of a struct to something that is not its zero value.
func fill(t *testing.T, v reflect.Value, rng *rand.Rand) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if unkept[v.Type().Name()+"."+v.Type().Field(i).Name] == "" {
				fill(t, v.Field(i), rng)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+rng.IntN(4), 9))
		for i := range v.Len() {
			fill(t, v.Index(i), rng)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 1 + rng.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key, rng)
			fill(t, value, rng)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString(fmt.Sprint("é", rng.IntN(10)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1 + rng.Int64N(1<<40))
	case reflect.Float64:
		v.SetFloat(rng.NormFloat64())
	default:
		t.Fatalf("the codec does not know fields of kind %s", v.Kind())
	}
}

// Every field of an example comes back, whatever is in it; one that is new must be
// written too.
func TestStoredExamplesAreWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	var want []data.Example
	for range 300 {
		var e data.Example
		fill(t, reflect.ValueOf(&e).Elem(), rng)
		for k := range e.Sequences {
			s := &e.Sequences[k]
			s.Types = make([]int64, len(s.IDs))
			s.Types[len(s.Types)-1] = 1
			if rng.IntN(2) == 0 { // labels as tokenising makes them
				s.Labels = make([]int64, len(s.IDs))
				for i, id := range s.IDs {
					if s.Labels[i] = id; rng.IntN(2) == 0 {
						s.Labels[i] = data.Ignore
					}
				}
			}
		}
		want = append(want, e)
	}
	want = append(want,
		data.Example{},
		data.Example{Sequences: []data.Sequence{}, Columns: map[string][]float64{}},
		data.Example{Sequences: []data.Sequence{{}, {IDs: []int64{}, Labels: []int64{}}, {IDs: []int64{-100, 5}, Labels: []int64{-100, 5}}}})
	got, err := data.Restored(filepath.Join(t.TempDir(), "a.tokens"), want)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// manyLines are more records than a block of a store has.
func manyLines(n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"q":"%s","class":"%d"}`+"\n", strings.Repeat("ab", 1+i%7), i%5)
	}
	return lines.String()
}

// A second start reads no record and no text, and its examples are the same, in any order.
func TestASecondStartTokenisesNothing(t *testing.T) {
	folder := t.TempDir()
	files, options := write(t, "a.jsonl", manyLines(9000)), judgedOptions(folder)
	bare := load(t, files, judgedOptions(""))
	first := load(t, files, options)
	require.False(t, first.FromDisk)
	options.Formatter.Format = func(context.Context, []sdk.Row) ([]sdk.Result, error) {
		t.Error("a record was formatted again")
		return nil, nil
	}
	options.Tokenizer = nil
	second := load(t, files, options)
	require.True(t, second.FromDisk)
	require.Equal(t, bare.Survey, first.Survey)
	require.Equal(t, bare.Survey, second.Survey)
	want := collect(t, bare)
	require.Equal(t, want, collect(t, first))
	for _, share := range []bool{false, true} {
		read, err := data.Sizes(data.InMemory(want), share)
		require.NoError(t, err)
		known, err := data.Sizes(data.Join(second, first).Examples, share)
		require.NoError(t, err)
		require.Equal(t, append(read, read...), known, "sizes that are read and those that are kept, shared: %v", share)
	}
	for _, i := range []int{0, 4095, 4096, 8191, 8999, 17} {
		got, err := second.Examples.At(i)
		require.NoError(t, err)
		require.Equal(t, want[i], got)
	}
}

// Tokens that are not as they were written are made again, and the user is told.
func TestDamagedTokensAreMadeAgain(t *testing.T) {
	folder := t.TempDir()
	files, options := write(t, "a.jsonl", manyLines(5000)), judgedOptions(folder)
	var notes []string
	options.Cache.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	want := collect(t, load(t, files, options))
	kept, err := filepath.Glob(filepath.Join(folder, "*.tokens"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	whole, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	flip := func(at int) []byte {
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= 1
		return damaged
	}
	rng := rand.New(rand.NewPCG(1, 0))
	cases := map[string][]byte{"empty": {}, "cut short": whole[:len(whole)/2], "one byte less": whole[:len(whole)-1], "the last byte": flip(len(whole) - 1)}
	for range 20 {
		at := len("llmhost tokens 1\n") + rng.IntN(len(whole)-len("llmhost tokens 1\n"))
		cases[fmt.Sprintf("byte %d", at)] = flip(at)
	}
	for name, damaged := range cases {
		t.Run(name, func(t *testing.T) {
			notes = nil
			require.NoError(t, os.WriteFile(kept[0], damaged, 0o666))
			set := load(t, files, options)
			require.False(t, set.FromDisk)
			require.Equal(t, []string{kept[0] + " is damaged; the data are tokenised again"}, notes)
			require.Equal(t, want, collect(t, set))
			again, err := os.ReadFile(kept[0])
			require.NoError(t, err)
			require.Equal(t, whole, again)
		})
	}
}

// What is damaged after it was opened is an error that says what to do, and the file goes.
func TestTokensDamagedInARun(t *testing.T) {
	folder := t.TempDir()
	files, options := write(t, "a.jsonl", manyLines(100)), judgedOptions(folder)
	set := load(t, files, options)
	kept, err := filepath.Glob(filepath.Join(folder, "*.tokens"))
	require.NoError(t, err)
	whole, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	whole[20] ^= 4
	require.NoError(t, os.WriteFile(kept[0], whole, 0o666))
	_, err = set.Examples.At(0)
	require.EqualError(t, err, kept[0]+": the tokens of example 1 cannot be read, or are not those that were written; the file is removed, and the next start tokenises the data again: start the run again, with --resume_from_checkpoint auto to go on from its last checkpoint")
	require.NoFileExists(t, kept[0])
}

// A cache holds no more than its bound; what was not used for the longest time goes.
func TestTheCacheHasABound(t *testing.T) {
	folder := t.TempDir()
	for i := range 10 {
		path := filepath.Join(folder, fmt.Sprintf("%d.tokens", i))
		require.NoError(t, os.WriteFile(path, make([]byte, 1000), 0o666))
		at := time.Unix(int64(1000+i), 0)
		require.NoError(t, os.Chtimes(path, at, at))
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "notes.txt"), make([]byte, 1<<20), 0o666))
	options := judgedOptions(folder)
	options.Cache.MaxBytes = 4500
	set := load(t, write(t, "a.jsonl", manyLines(3)), options)
	files, err := options.Cache.List()
	require.NoError(t, err)
	var names []string
	total := int64(0)
	for _, f := range files {
		if len(f.Name) < 20 {
			names = append(names, f.Name)
		}
		total += f.Bytes
	}
	require.NotEmpty(t, names)
	require.Equal(t, "9.tokens", names[0])
	require.Less(t, len(names), 5)
	require.FileExists(t, filepath.Join(folder, "notes.txt"), "it is not the cache's")
	require.Len(t, collect(t, set), 3)

	removed, err := options.Cache.Prune(0)
	require.NoError(t, err)
	require.Len(t, removed, len(files))
	require.Len(t, collect(t, set), 3, "a run reads on what is removed")
}

// FuzzStore: a file that is not as it was written is an error, and never another example.
func FuzzStore(f *testing.F) {
	examples := []data.Example{{Sequences: []data.Sequence{{IDs: []int64{1, 2, 3}}}, Source: data.Position{File: "a.jsonl", Line: 1}}}
	path := filepath.Join(f.TempDir(), "a.tokens")
	_, err := data.Restored(path, examples)
	require.NoError(f, err)
	whole, err := os.ReadFile(path)
	require.NoError(f, err)
	want, err := data.Reopened(path)
	require.NoError(f, err)
	f.Add(whole)
	for at := range len(whole) {
		if at%17 == 0 {
			f.Add(whole[:at])
			changed := append([]byte(nil), whole...)
			changed[at] ^= 0x41
			f.Add(changed)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "a.tokens")
		require.NoError(t, os.WriteFile(path, content, 0o666))
		if got, err := data.Reopened(path); err == nil && len(got) > 0 && len(content) == len(whole) {
			require.Equal(t, want, got)
		}
	})
}

// FuzzStoredExample: bytes that are no example are an error, whatever their checksum says.
func FuzzStoredExample(f *testing.F) {
	f.Add(data.Encoded(data.Example{Sequences: []data.Sequence{{IDs: []int64{1, 2, 3}}, {IDs: []int64{4}}}, Source: data.Position{Line: 1}}))
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, text []byte) { _, _ = data.Decoded(text) })
}
