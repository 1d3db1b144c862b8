package metrics_test

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/metrics"
)

// writeEvents writes two entries, and after a resumption at step 2 one more.
func writeEvents(t *testing.T, folder string) {
	t.Helper()
	at := time.Unix(1700000000, 500_000_000)
	e, err := metrics.CreateEvents(folder, at, 1)
	require.NoError(t, err)
	require.NoError(t, e.Append(at, entry(1, "loss", 2.5, "eval_loss", 3.0)))
	require.NoError(t, e.Append(at, entry(2, "loss", 99.0)))
	require.NoError(t, e.Close())
	later := at.Add(time.Minute)
	e, err = metrics.CreateEvents(folder, later, 2)
	require.NoError(t, err)
	require.NoError(t, e.Append(later, entry(2, "loss", 1.5)))
	require.NoError(t, e.Close())
}

// TestEventBytes compares the frames with bytes that TensorBoard's own loader has
// read (see TestPeerReadsEvents).
func TestEventBytes(t *testing.T) {
	dir := t.TempDir()
	writeEvents(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.1700000060.*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Equal(t, golden, hex.EncodeToString([]byte(text(t, files[0]))))
}

// TestPeerReadsEvents lets TensorBoard read the folder, with the steps that
// were made again instead of the old ones.
func TestPeerReadsEvents(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with tensorboard")
	}
	if err := exec.Command(peer, "-c", "import tensorboard").Run(); err != nil {
		t.Skip("the Python that LLMHOST_PEER_PYTHON names has no tensorboard")
	}
	dir := t.TempDir()
	writeEvents(t, dir)
	out, err := exec.Command(peer, "-c", `
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1]).Reload()
assert sorted(a.Tags()["scalars"]) == ["eval/loss", "train/loss"], a.Tags()
read = lambda tag: [(e.step, e.value, e.wall_time) for e in a.Scalars(tag)]
assert read("train/loss") == [(1, 2.5, 1700000000.5), (2, 1.5, 1700000060.5)], read("train/loss")
assert read("eval/loss") == [(1, 3.0, 1700000000.5)], read("eval/loss")
assert a.file_version == 2.0, a.file_version
`, dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// golden is, for each of three events, length and its sum, event, its sum: the
// version, the start of the session at step 2, and train/loss 1.5.
const golden = "1800000000000000a37f4b22" + "090000204ffc54d9411a0d627261696e2e4576656e743a32" + "fb267d1a" +
	"0f000000000000006d532b09" + "090000204ffc54d94110023a020801" + "ac271078" +
	"200000000000000029eda950" + "090000204ffc54d94110022a130a110a0a747261696e2f6c6f7373150000c03f" + "8888f92c"

func entry(step int, pairs ...any) metrics.Entry {
	e := metrics.Entry{Step: step}
	for i := 0; i < len(pairs); i += 2 {
		e.Values = append(e.Values, metrics.Value{Name: pairs[i].(string), Value: pairs[i+1].(float64)})
	}
	return e
}
