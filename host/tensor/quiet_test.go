package tensor_test

import (
	"os"
	"os/exec"
	"testing"

	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// libtorch warns once a process, so the op runs in one of its own.
func TestMaximaWithoutAWarning(t *testing.T) {
	if os.Getenv("LLMHOST_TEST_MAXIMA") != "" {
		maxima()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestMaximaWithoutAWarning$")
	cmd.Env = append(os.Environ(), "LLMHOST_TEST_MAXIMA=1")
	printed, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	require.Contains(t, string(printed), "PASS\n")
	require.NotContains(t, string(printed), "Warning")
}

func maxima() {
	tensor.Scoped(func() {
		tensor.Of(tensor.CPU, []float64{1, 7}).IndexReduceMax(0, tensor.Of(tensor.CPU, []int64{0, 0}), tensor.Of(tensor.CPU, []float64{4, 2}))
	})
}
