package safetensors_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/safetensors"
)

func sample() []safetensors.Source {
	return []safetensors.Source{
		{Name: "mask", DType: safetensors.Bool, Shape: []int64{3}, Data: []byte{1, 0, 1}},
		safetensors.Float32Source("w", []float32{1, -2.5, 3, 4, 5, 6}, 2, 3),
		safetensors.Int64Source("step", []int64{-7}),
		safetensors.Float32Source("b", []float32{0.5}, 1),
		{Name: "half", DType: safetensors.BF16, Shape: []int64{2}, Data: []byte{0x80, 0x3f, 0, 0xc0}},
		safetensors.Float32Source("none", nil, 0, 4),
	}
}

func TestWriteAndOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	require.NoError(t, safetensors.Write(path, sample(), map[string]string{"format": "pt"}))
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, []string{"step", "b", "none", "w", "half", "mask"}, f.Names())
	require.Equal(t, map[string]string{"format": "pt"}, f.Metadata())
	w, err := f.Want("w", "the test", 2, 3)
	require.NoError(t, err)
	values, err := w.Float64s()
	require.NoError(t, err)
	require.Equal(t, []float64{1, -2.5, 3, 4, 5, 6}, values)
	step, err := f.Get("step")
	require.NoError(t, err)
	require.Empty(t, step.Shape)
	ints, err := step.Int64s()
	require.NoError(t, err)
	require.Equal(t, []int64{-7}, ints)
}

func TestHeaderBytes(t *testing.T) {
	var out bytes.Buffer
	sources := []safetensors.Source{
		{Name: "a\"\\\n\x01é<\u2028", DType: safetensors.U8, Shape: []int64{1, 2}, Data: []byte{1, 2}},
		{Name: "b", DType: safetensors.F64, Shape: []int64{}, Data: make([]byte, 8)},
	}
	require.NoError(t, safetensors.Encode(&out, sources, map[string]string{"k": "v", "a": "\t"}))
	want := `{"__metadata__":{"a":"\t","k":"v"},"a\"\\\n\u0001é<` + "\u2028" + `":{"dtype":"U8","shape":[1,2],"data_offsets":[0,2]},` +
		`"b":{"dtype":"F64","shape":[],"data_offsets":[2,10]}}`
	want += strings.Repeat(" ", -len(want)&7)
	require.Equal(t, want, string(out.Bytes()[8:out.Len()-10]))
}

func TestEncodeErrors(t *testing.T) {
	u8 := func(name string, n int64, data int) safetensors.Source {
		return safetensors.Source{Name: name, DType: safetensors.U8, Shape: []int64{n}, Data: make([]byte, data)}
	}
	streamed := u8("a", 3, 0)
	streamed.Stream = func(w io.Writer) error { _, err := w.Write([]byte{1, 2}); return err }
	tests := []struct {
		name    string
		sources []safetensors.Source
		want    string
	}{
		{"too few bytes", []safetensors.Source{u8("a", 3, 2)}, `tensor "a": has 2 bytes; want 3 for [3] of U8`},
		{"twice", []safetensors.Source{u8("a", 1, 1), u8("a", 1, 1)}, `tensor "a": occurs twice`},
		{"reserved name", []safetensors.Source{u8("__metadata__", 1, 1)}, `tensor "__metadata__": a safetensors file cannot hold this name`},
		{"not UTF-8", []safetensors.Source{u8("\xff", 1, 1)}, `tensor "\xff": a safetensors file cannot hold this name`},
		{"negative", []safetensors.Source{u8("a", -1, 1)}, `tensor "a": shape [-1] of U8 is not a valid number of bytes`},
		{"short stream", []safetensors.Source{streamed}, `tensor "a": its stream wrote 2 bytes; want 3 for [3] of U8`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.EqualError(t, safetensors.Encode(io.Discard, test.sources, nil), test.want)
			dir := t.TempDir()
			path := filepath.Join(dir, "x")
			require.EqualError(t, safetensors.Write(path, test.sources, nil), path+": "+test.want)
			require.Empty(t, names(t, dir), "nothing is left behind")
		})
	}
}

func TestStream(t *testing.T) {
	s := safetensors.Source{Name: "a", DType: safetensors.U8, Shape: []int64{4}, Stream: func(w io.Writer) error {
		_, err := io.WriteString(w, "ab")
		_, err2 := io.WriteString(w, "cd")
		return errors.Join(err, err2)
	}}
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, safetensors.WriteInto(path, []safetensors.Source{s}, nil))
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	a, err := f.Get("a")
	require.NoError(t, err)
	require.Equal(t, "abcd", string(a.Data))
	require.Empty(t, f.Metadata())
}

func TestFullDiskIsENOSPC(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	big := safetensors.Source{Name: "a", DType: safetensors.U8, Shape: []int64{4 << 20}, Data: make([]byte, 4<<20)}
	err := safetensors.WriteInto("/dev/full", []safetensors.Source{big}, nil)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.EqualError(t, err, "write /dev/full: no space left on device")
}

func TestSaveOneFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, safetensors.Save(dir, sample(), safetensors.Layout{}))
	require.Equal(t, []string{"model.safetensors"}, names(t, dir))
	f, err := safetensors.Open(dir)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, map[string]string{"format": "pt"}, f.Metadata())
	require.Len(t, f.Names(), 6)
}

func TestSaveShards(t *testing.T) {
	for _, transport := range []struct {
		name string
		save func(string, []safetensors.Source, safetensors.Layout) error
	}{{"Save", safetensors.Save}, {"SaveInto", safetensors.SaveInto}} {
		t.Run(transport.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, transport.save(dir, sample(), safetensors.Layout{MaxShardSize: 12}))
			// mask 3 | w 24 alone | step 8 joins mask (11) | b 4 opens the next, with half 4 and none 0
			require.Equal(t, []string{
				"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
				"model.safetensors.index.json"}, names(t, dir))
			index, err := os.ReadFile(filepath.Join(dir, safetensors.IndexName))
			require.NoError(t, err)
			require.Equal(t, `{
  "metadata": {
    "total_parameters": 13,
    "total_size": 43
  },
  "weight_map": {
    "b": "model-00003-of-00003.safetensors",
    "half": "model-00003-of-00003.safetensors",
    "mask": "model-00002-of-00003.safetensors",
    "none": "model-00003-of-00003.safetensors",
    "step": "model-00002-of-00003.safetensors",
    "w": "model-00001-of-00003.safetensors"
  }
}
`, string(index))
			f, err := safetensors.Open(dir)
			require.NoError(t, err)
			defer f.Close()
			require.Equal(t, []string{"w", "step", "mask", "b", "none", "half"}, f.Names())
			require.Equal(t, dir, f.Path())
		})
	}
}

func TestSaveReplacesAnotherLayout(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int64{0, 12, 8, 0, 12} {
		require.NoError(t, safetensors.Save(dir, sample(), safetensors.Layout{MaxShardSize: size}))
		f, err := safetensors.Open(dir)
		require.NoError(t, err)
		require.Len(t, f.Names(), 6)
		require.NoError(t, f.Close())
		fresh := t.TempDir()
		require.NoError(t, safetensors.SaveInto(fresh, sample(), safetensors.Layout{MaxShardSize: size}))
		require.Equal(t, names(t, fresh), names(t, dir), "no file of the model before is left")
	}
}

func TestSaveHoldsNamesUniqueAcrossShards(t *testing.T) {
	twice := append(sample(), sample()[0])
	dir := t.TempDir()
	err := safetensors.Save(dir, twice, safetensors.Layout{MaxShardSize: 1})
	require.EqualError(t, err, dir+`: tensor "mask": occurs twice`)
	require.Empty(t, names(t, dir))
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
