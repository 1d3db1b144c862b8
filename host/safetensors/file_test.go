package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/safetensors"
)

// image puts a header and data together.
func image(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, data)...)
}

const good = `{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}  `

func TestParse(t *testing.T) {
	f, err := safetensors.Parse("m", image(good, 16))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, f.Names(), "in the order of their data")
	require.Equal(t, map[string]string{"format": "pt"}, f.Metadata())
	a, err := f.Get("a")
	require.NoError(t, err)
	require.Equal(t, safetensors.Tensor{Name: "a", File: "m", DType: safetensors.I64, Shape: []int64{}, Data: make([]byte, 8)}, a)
	require.True(t, f.Has("b"))
	require.False(t, f.Has("c"))
	require.NoError(t, f.Close())
	require.False(t, f.Has("b"))
}

func TestParseAcceptsOddFiles(t *testing.T) {
	tests := []struct {
		name, header string
		data         int
	}{
		{"no tensors", `{}`, 0},
		{"null metadata", `{"__metadata__":null}`, 0},
		{"empty tensors at one place", `{"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]}}`, 0},
		{"empty tensor between", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[0],"data_offsets":[2,2]},"c":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3},
		{"key of a later format", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":{"y":[null]}}}`, 1},
		{"no padding", `{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}`, 1},
		{"padding of line ends", "{}\n\t ", 0},
		{"four bits an element", `{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}`, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := safetensors.Parse("m", image(test.header, test.data))
			require.NoError(t, err)
		})
	}
}

func TestParseErrors(t *testing.T) {
	one := func(dtype, shape, offsets string) []byte {
		return image(`{"a":{"dtype":`+dtype+`,"shape":`+shape+`,"data_offsets":`+offsets+`}}`, 8)
	}
	two := func(a, b string) []byte {
		return image(`{"a":{"dtype":"U8","shape":[4],"data_offsets":`+a+`},"b":{"dtype":"U8","shape":[4],"data_offsets":`+b+`}}`, 8)
	}
	const known = "I64"
	tests := []struct {
		name  string
		image []byte
		kind  error
		want  string
	}{
		{"empty", nil, safetensors.ErrTruncated, `m: has 0 bytes; a safetensors file has at least 8; copy or download it again`},
		{"shorter than its length", []byte("1234"), safetensors.ErrTruncated, `m: has 4 bytes; a safetensors file has at least 8; copy or download it again`},
		{"git-lfs", []byte("version https://git-lfs and so on"), safetensors.ErrHeader, `m: is a git-lfs pointer, not the file itself; fetch it with git lfs pull`},
		{"something else", []byte("PK\x03\x04 a zip archive"), safetensors.ErrHeader, `m: says that its header has 8800140462016121680 bytes; want at most 100000000; this is not a safetensors file`},
		{"header cut off", image(good, 0)[:50], safetensors.ErrTruncated, `m: is cut off: its header has 140 bytes, of which the file has 42; copy or download it again`},
		{"data cut off", image(good, 15), safetensors.ErrTruncated, `m: tensor "b" ends at byte 16 of the data, but the file is cut off at 15; copy or download it again`},
		{"data too long", image(good, 20), safetensors.ErrHeader, `m: has 4 bytes after the last tensor; write the file again`},
		{"not UTF-8", image("{\"\xff\":1}", 0), safetensors.ErrHeader, `m: has a header that is not UTF-8; this is not a safetensors file`},
		{"no object", image(`[1]`, 0), safetensors.ErrHeader, `m: has a header that does not begin with {; this is not a safetensors file`},
		{"not JSON", image(`{"a":{"dtype":F}}`, 0), safetensors.ErrHeader, `m: has a header that is not JSON at byte 22 ('F' is out of place; want a value); this is not a safetensors file`},
		{"JSON cut off", image(`{"a":{"dtype":"F32"`, 0), safetensors.ErrHeader, `m: has a header that is not JSON at byte 27 (it ends in the middle of its JSON); this is not a safetensors file`},
		{"text after", image(`{} {}`, 0), safetensors.ErrHeader, `m: has text after its header's object, at byte 12; write the file again`},
		{"not an object", image(`{"a":1}`, 0), safetensors.ErrHeader, `m: has 1 in its header at byte 14; want an object; write the file again`},
		{"name twice", image(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}`, 0), safetensors.ErrHeader, `m: has "a" twice in its header; write the file again`},
		{"key twice", image(`{"a":{"dtype":"U8","dtype":"U8"}}`, 0), safetensors.ErrHeader, `m: has "dtype" twice in its header; write the file again`},
		{"no dtype", image(`{"a":{"shape":[0],"data_offsets":[0,0]}}`, 0), safetensors.ErrHeader, `m: tensor "a" has no dtype; write the file again`},
		{"dtype a number", one(`32`, `[2]`, `[0,8]`), safetensors.ErrHeader, `m: tensor "a" has a number in dtype; want a string; write the file again`},
		{"unknown dtype", one(`"F31"`, `[2]`, `[0,8]`), safetensors.ErrHeader, `m: tensor "a" has dtype "F31"; want one of U64, ` + known},
		{"no shape", one(`"F32"`, `null`, `[0,8]`), safetensors.ErrHeader, `m: tensor "a" has no shape; write the file again`},
		{"shape of fractions", one(`"F32"`, `[1.5]`, `[0,8]`), safetensors.ErrHeader, `m: tensor "a" has a number 1.5 in shape; want a list of whole numbers; write the file again`},
		{"negative shape", one(`"F32"`, `[-1,-2]`, `[0,8]`), safetensors.ErrHeader, `m: tensor "a" has the shape [-1, -2] of F32, which is not a valid number of bytes; write the file again`},
		{"shape overflows", one(`"F32"`, `[4294967296,4294967296]`, `[0,8]`), safetensors.ErrHeader, `m: tensor "a" has the shape [4294967296, 4294967296] of F32, which is not a valid number of bytes; write the file again`},
		{"half a byte", one(`"F4"`, `[3]`, `[0,1]`), safetensors.ErrHeader, `m: tensor "a" has the shape [3] of F4, which is not a valid number of bytes; write the file again`},
		{"span too short", one(`"F32"`, `[3]`, `[0,8]`), safetensors.ErrHeader, `m: tensor "a" takes 12 bytes as [3] of F32, but its data_offsets [0, 8] span 8; write the file again`},
		{"offsets turned round", one(`"F32"`, `[2]`, `[8,0]`), safetensors.ErrHeader, `m: tensor "a" has no usable data_offsets; want two whole numbers, the first not above the second; write the file again`},
		{"three offsets", one(`"F32"`, `[2]`, `[0,8,9]`), safetensors.ErrHeader, `m: tensor "a" has no usable data_offsets; want two whole numbers, the first not above the second; write the file again`},
		{"negative offset", one(`"F32"`, `[2]`, `[-8,0]`), safetensors.ErrHeader, `m: tensor "a" has no usable data_offsets; want two whole numbers, the first not above the second; write the file again`},
		{"hole", two(`[0,4]`, `[5,9]`), safetensors.ErrHeader, `m: tensor "b" begins at byte 5 of the data; bytes 4 to 5 belong to no tensor; write the file again`},
		{"hole at the start", two(`[1,5]`, `[5,9]`), safetensors.ErrHeader, `m: tensor "a" begins at byte 1 of the data; bytes 0 to 1 belong to no tensor; write the file again`},
		{"overlap", two(`[0,4]`, `[3,7]`), safetensors.ErrHeader, `m: tensor "b" begins at byte 3 of the data, inside tensor "a", which ends at 4; write the file again`},
		{"metadata a number", image(`{"__metadata__":{"a":1}}`, 0), safetensors.ErrHeader, `m: has a number in __metadata__; want strings; write the file again`},
		{"metadata null", image(`{"__metadata__":{"a":null}}`, 0), safetensors.ErrHeader, `m: has null in __metadata__ under "a"; want a string; write the file again`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := safetensors.Parse("m", test.image)
			require.Error(t, err)
			require.True(t, strings.HasPrefix(err.Error(), test.want), "got:  %s\nwant: %s", err, test.want)
			require.ErrorIs(t, err, test.kind)
		})
	}
}

func TestGetAndWantErrors(t *testing.T) {
	f, err := safetensors.Parse("m", image(good, 16))
	require.NoError(t, err)
	_, err = f.Get("lm_head.weight")
	require.EqualError(t, err, `m: tensor "lm_head.weight" is missing; 2 others are there`)
	require.ErrorIs(t, err, safetensors.ErrMissing)
	_, err = f.Want("b", "config.json", 3, 2)
	require.EqualError(t, err, `m: tensor "b" has shape [2]; config.json wants [3, 2]; use the weights and the config.json of one model`)
	require.ErrorIs(t, err, safetensors.ErrShape)
	_, err = f.Want("b", "config.json", 2)
	require.NoError(t, err)
}

func TestGetHintsAtNearName(t *testing.T) {
	f, err := safetensors.Parse("m", image(`{"model.norm.weight":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0))
	require.NoError(t, err)
	_, err = f.Get("model.norms.weight")
	require.EqualError(t, err, `m: tensor "model.norms.weight" is missing; 1 other is there; did you mean model.norm.weight?`)
}

func TestOpenMissing(t *testing.T) {
	dir := t.TempDir()
	_, err := safetensors.Open(filepath.Join(dir, "no"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = safetensors.Open(dir)
	require.EqualError(t, err, dir+`: has no model.safetensors and no model.safetensors.index.json; copy or download the weights`)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pytorch_model.bin"), nil, 0o666))
	_, err = safetensors.Open(dir)
	require.EqualError(t, err, dir+`: has no model.safetensors and no model.safetensors.index.json; found pytorch_model.bin; convert it to safetensors`)
}

func TestOpenTruncatedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, os.WriteFile(path, image(good, 16)[:150], 0o666))
	_, err := safetensors.Open(path)
	require.EqualError(t, err, path+`: tensor "a" ends at byte 8 of the data, but the file is cut off at 2; copy or download it again`)
	require.NoError(t, os.Truncate(path, 0))
	_, err = safetensors.Open(path)
	require.ErrorIs(t, err, safetensors.ErrTruncated)
}

func TestOpenShardErrors(t *testing.T) {
	tests := []struct{ name, index, want string }{
		{"not JSON", `{`, `: is not the index of a sharded model (it ends in the middle of its JSON); copy or download it again`},
		{"no map", `{}`, `: has no weight_map; copy or download it again`},
		{"shard missing", `{"weight_map":{"a":"x.safetensors"}}`, `: names the shard x.safetensors, which does not exist; copy or download it too`},
		{"shard elsewhere", `{"weight_map":{"a":"../x.safetensors"}}`, `: puts tensor "a" into "../x.safetensors"; want a file beside the index`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, safetensors.IndexName)
			require.NoError(t, os.WriteFile(path, []byte(test.index), 0o666))
			_, err := safetensors.Open(dir)
			require.EqualError(t, err, path+test.want)
		})
	}
	t.Run("tensor not in its shard", func(t *testing.T) {
		dir := t.TempDir()
		shard := filepath.Join(dir, "s.safetensors")
		require.NoError(t, os.WriteFile(shard, image(good, 16), 0o666))
		require.NoError(t, os.WriteFile(filepath.Join(dir, safetensors.IndexName), []byte(`{"weight_map":{"a":"s.safetensors","c":"s.safetensors"}}`), 0o666))
		_, err := safetensors.Open(dir)
		require.EqualError(t, err, shard+`: tensor "c" is missing, though model.safetensors.index.json lists it here; use the index and the shards of one model`)
		var typed *safetensors.Error
		require.True(t, errors.As(err, &typed))
		require.Equal(t, "c", typed.Tensor)
	})
}

// FuzzParse checks that what is accepted has its data in range and is written
// back to the same tensors.
func FuzzParse(f *testing.F) {
	for _, sound := range [][]byte{image(good, 16), image(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}} `, 0)} {
		_, err := safetensors.Parse("m", sound)
		require.NoError(f, err)
		f.Add(sound)
	}
	f.Add([]byte("12345678{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := safetensors.Parse("m", data)
		if err != nil {
			return
		}
		var sources []safetensors.Source
		for _, name := range file.Names() {
			x, err := file.Get(name)
			require.NoError(t, err)
			sources = append(sources, safetensors.Source{Name: x.Name, DType: x.DType, Shape: x.Shape, Data: x.Data})
		}
		var out bytes.Buffer
		require.NoError(t, safetensors.Encode(&out, sources, file.Metadata()))
		again, err := safetensors.Parse("m", out.Bytes())
		require.NoError(t, err)
		require.ElementsMatch(t, file.Names(), again.Names())
		for _, s := range sources {
			x, err := again.Get(s.Name)
			require.NoError(t, err)
			require.Equal(t, s.Data, x.Data)
			require.Equal(t, s.Shape, x.Shape)
		}
	})
}
