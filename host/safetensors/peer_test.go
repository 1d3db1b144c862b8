package safetensors_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/safetensors"
)

// python runs a script with the Python that has torch and safetensors.
func python(t *testing.T, script string, args ...string) {
	t.Helper()
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch and safetensors")
	}
	out, err := exec.Command(peer, append([]string{"-c", script}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestPeerReadsAndWritesTheSameBytes checks that Python reads what Write wrote
// and that its own writer would have written the same bytes.
func TestPeerReadsAndWritesTheSameBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	sources := append(sample(),
		safetensors.Source{Name: "a\"\\\n\x01é<\u2028", DType: safetensors.U8, Shape: []int64{2, 1}, Data: []byte{1, 2}},
		safetensors.Source{Name: "f8", DType: safetensors.F8E4M3, Shape: []int64{1}, Data: []byte{1}},
		safetensors.Source{Name: "f16", DType: safetensors.F16, Shape: []int64{1}, Data: []byte{1, 2}},
		safetensors.Source{Name: "f64", DType: safetensors.F64, Shape: []int64{1}, Data: make([]byte, 8)},
		safetensors.Source{Name: "i32", DType: safetensors.I32, Shape: []int64{1}, Data: make([]byte, 4)},
		safetensors.Source{Name: "i16", DType: safetensors.I16, Shape: []int64{1}, Data: make([]byte, 2)},
		safetensors.Source{Name: "i8", DType: safetensors.I8, Shape: []int64{1}, Data: make([]byte, 1)},
	)
	require.NoError(t, safetensors.Write(path, sources, map[string]string{"format": "pt"}))
	python(t, `
import sys, torch
from safetensors.torch import load_file, save
path = sys.argv[1]
tensors = load_file(path)
assert tensors["w"].tolist() == [[1, -2.5, 3], [4, 5, 6]], tensors["w"]
assert tensors["mask"].tolist() == [True, False, True]
assert tensors["step"].item() == -7 and tensors["step"].shape == ()
assert tensors["none"].shape == (0, 4)
assert tensors["half"].tolist() == [1, -2] and tensors["half"].dtype == torch.bfloat16
assert save(tensors, {"format": "pt"}) == open(path, "rb").read()
`, path)
}

// TestPeerLoadsShards lets Python load each shard that the index names.
func TestPeerLoadsShards(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, safetensors.Save(dir, sample(), safetensors.Layout{MaxShardSize: 12}))
	python(t, `
import sys, json
from safetensors import safe_open
index = json.load(open(sys.argv[1] + "/model.safetensors.index.json"))
for name, shard in index["weight_map"].items():
    with safe_open(sys.argv[1] + "/" + shard, "pt") as f:
        assert f.metadata() == {"format": "pt"}
        f.get_tensor(name)
`, dir)
}

// TestOpenReadsThePeer reads what Python wrote, with every dtype that it has.
func TestOpenReadsThePeer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	python(t, `
import sys, torch
from safetensors.torch import save_file
names = "bool uint8 int8 int16 uint16 float16 bfloat16 int32 uint32 float32 complex64 float64 int64 uint64".split()
tensors = {n: torch.ones(3, 1, dtype=getattr(torch, n)) for n in names}
save_file(tensors, sys.argv[1], {"format": "pt", "who": "peer"})
`, path)
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	require.Len(t, f.Names(), 14)
	require.Equal(t, "peer", f.Metadata()["who"])
	for _, name := range []string{"float16", "bfloat16", "float32", "float64"} {
		x, err := f.Want(name, "the peer", 3, 1)
		require.NoError(t, err)
		values, err := x.Float64s()
		require.NoError(t, err)
		require.Equal(t, []float64{1, 1, 1}, values, name)
	}
}
