package host_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
	"llmhost/sdk"
)

// One file serves several tasks: what is a parameter of another task's parts has
// no effect, and is reported.
func TestParametersOfOtherTasks(t *testing.T) {
	s := ranking(t)
	s.MaxSteps = 1
	s.Params = map[string]config.Param{
		"prompt_split":         {Value: "sep", Where: "run.toml:2:1"},
		"kto_beta":             {Value: 0.5, Where: "run.toml:3:1"},
		"weight_name":          {Value: config.FlagText("w"), Where: "flag --weight_name"},
		"dpo_loss_weights":     {Value: true, Where: "run.toml:4:1"},
		"kto_pair_prompt_name": {Value: "", Where: "run.toml:5:1"},
		"orpo_beta":            {Value: 0.1, Where: "run.toml:6:1"},
	}
	lines, err := trained(s)
	require.NoError(t, err)
	require.Contains(t, lines, "note: kto_beta is a parameter of loss kto, which task rrhf does not use; it has no effect\n")
	require.Contains(t, lines, "note: weight_name is a parameter of formatter scored_texts, which task rrhf does not use; it has no effect\n")
	require.Contains(t, lines, "note: dpo_loss_weights is a parameter of loss dpo, which task rrhf does not use; it has no effect\n")
	for _, name := range []string{"prompt_split", "kto_pair_prompt_name", "orpo_beta"} {
		require.NotContains(t, lines, "note: "+name, "it is the task's own, or asks for nothing")
	}
	r := readRecord(t, s.OutputDir)
	require.Equal(t, "sep", r.Task.Params["prompt_split"])
	require.NotContains(t, r.Task.Params, "kto_beta")
}

// Rewards are compared with the column that is declared a score, whatever it
// is called.
func TestRewardsAreCalibratedByTheScore(t *testing.T) {
	s := lesson(t, "reward", scored, nil)
	s.MaxSteps = 1
	mustTrain(t, s)
	errors := 0
	for _, bins := range s.CalibrationBins {
		for _, name := range []string{"ECE", "chosen_ECE"} {
			_, after := measured(t, s.OutputDir, "eval_calibration_"+name+"_bin"+bins)
			require.GreaterOrEqual(t, after, 0.0)
			errors++
		}
	}
	require.Positive(t, errors)
}

// A pooling in a plugin's file is chosen like a builtin one.
func TestPoolingOfAFile(t *testing.T) {
	file := poolingModule(t)
	s := lesson(t, "reward", scored, nil)
	s.MaxSteps, s.Pooling = 1, file+"#max"
	lines := mustTrain(t, s)
	require.Contains(t, lines, "because it pools by max")
	s = lesson(t, "reward", scored, nil)
	s.MaxSteps, s.Pooling = 1, file+"#eos"
	require.NotContains(t, mustTrain(t, s), "because it pools by", "the last token's state is what transformers takes")
}

// poolingModule builds plugins/pooling.
func poolingModule(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build a plugin with")
	}
	file := filepath.Join(t.TempDir(), "pooling.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", file, "./plugins/pooling")
	build.Dir, build.Env = "..", append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return file
}

// bounded is a loss with a parameter with the name of a setting of the host.
type bounded struct {
	MaxLength int `llmhost:"max_length,default=1,doc=a test's"`
}

func (l bounded) Trace(g *sdk.Graph) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: g.Logps().Sum().Neg().DivScalar(float64(l.MaxLength)), Count: g.LabelMask().Sum(), Coefficient: 1}}}
}

func TestAParameterThatIsCalledAsASetting(t *testing.T) {
	s := ranking(t)
	s.MaxSteps, s.MaxLength = 1, 77
	require.NoError(t, own(s, "bounded", bounded{}, nil))
	require.EqualValues(t, 77, readRecord(t, s.OutputDir).Task.Params["max_length"])
}
