package metrics_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/metrics"
)

func TestJSONL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	j, err := metrics.OpenJSONL(path, 0)
	require.NoError(t, err)
	first := metrics.Entry{Step: 1, Epoch: 0.25, Values: []metrics.Value{{Name: "loss", Value: 2.5}, {Name: "learning_rate", Value: 1e-5}, {Name: "a\"b", Value: 1e21}}}
	require.NoError(t, j.Append(first))
	require.NoError(t, j.Sync())
	offset := j.Offset()
	second := metrics.Entry{Step: 2, Epoch: 0.5, Values: []metrics.Value{{Name: "loss", Value: math.Inf(1)}, {Name: "low", Value: math.Inf(-1)}}}
	require.NoError(t, j.Append(second))
	require.NoError(t, j.Close())
	require.Equal(t, `{"step":1,"epoch":0.25,"loss":2.5,"learning_rate":1e-05,"a\"b":1e+21}
{"step":2,"epoch":0.5,"loss":"Infinity","low":"-Infinity"}
`, text(t, path))
	entries, err := metrics.ReadJSONL(path)
	require.NoError(t, err)
	require.Equal(t, []metrics.Entry{first, second}, entries)

	j, err = metrics.OpenJSONL(path, offset)
	require.NoError(t, err)
	require.NoError(t, j.Append(metrics.Entry{Step: 3, Values: []metrics.Value{{Name: "loss", Value: math.NaN()}}}))
	require.NoError(t, j.Close())
	entries, err = metrics.ReadJSONL(path)
	require.NoError(t, err)
	require.Len(t, entries, 2, "what came after the offset is gone")
	require.Equal(t, first, entries[0])
	loss, ok := entries[1].Get("loss")
	require.True(t, ok)
	require.True(t, math.IsNaN(loss))
	_, ok = entries[1].Get("accuracy")
	require.False(t, ok)
}

func TestOpenJSONLAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("old\n"), 0o666))
	j, err := metrics.OpenJSONL(path, 0)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	require.Empty(t, text(t, path))
}

func TestOpenJSONLTooShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("1234"), 0o666))
	_, err := metrics.OpenJSONL(path, 9)
	require.EqualError(t, err, path+": has 4 bytes, but had 9 when the checkpoint was saved; put the old file back, or resume in a copy of the folder")
	require.Equal(t, "1234", text(t, path))
}

func TestReadJSONLErrors(t *testing.T) {
	good := `{"step":1,"epoch":0}` + "\n"
	tests := []struct{ name, text, want string }{
		{"not JSON", good + "x\n", ":2: is not a JSON object; put the old file back"},
		{"not an object", "[1]\n", ":1: is not a JSON object; put the old file back"},
		{"cut within", `{"step":1,` + "\n", ":1: is not a JSON object: EOF; put the old file back"},
		{"a text", `{"loss":"low"}` + "\n", `:1: "loss" is low; want a number; put the old file back`},
	}
	path := filepath.Join(t.TempDir(), "m")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(test.text), 0o666))
			_, err := metrics.ReadJSONL(path)
			require.EqualError(t, err, path+test.want)
		})
	}
	require.NoError(t, os.WriteFile(path, []byte(good+`{"step":2,"ep`), 0o666))
	entries, err := metrics.ReadJSONL(path)
	require.NoError(t, err)
	require.Len(t, entries, 1, "a line that a crash cut is skipped")
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}
