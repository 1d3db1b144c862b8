package host_test

import (
	"path/filepath"
	"testing"

	"llmhost/sdk"

	"github.com/stretchr/testify/require"
)

// overlapping has a metric whose name joins to that of another evaluation set.
type overlapping struct{}

func (overlapping) Trace(g *sdk.Graph) sdk.Objective {
	sum := g.Logps().Sum().Neg()
	return sdk.Objective{
		Terms:   []sdk.Term{{Name: "nll", Sum: sum, Count: g.LabelMask().Sum(), Coefficient: 1}},
		Metrics: []sdk.Metric{{Name: "hard_loss", Sum: sum.Detach()}},
	}
}

func TestKeysOfEvaluationSets(t *testing.T) {
	s := ranking(t)
	s.MaxSteps = 1
	folder := t.TempDir()
	for _, c := range []struct {
		names [2]string
		want  string
	}{
		{[2]string{"test", "test_hard"}, "eval_data_paths: eval_test_hard_loss would be the key of two numbers in the log, loss of the set that eval_test_hard_ begins, and another of eval_test_; rename one of the files"},
		{[2]string{"test", "hard"}, ""},
	} {
		s.EvalDataPaths = nil
		for _, name := range c.names {
			s.EvalDataPaths = append(s.EvalDataPaths, written(t, filepath.Join(folder, name+".jsonl"), `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1, 0]}`+"\n"))
		}
		err := own(s, "overlapping", overlapping{}, nil)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, c.want)
	}
}
