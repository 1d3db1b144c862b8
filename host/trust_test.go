package host_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
	"llmhost/sdk"

	"github.com/stretchr/testify/require"
)

// endless is a plugin that never answers: what refuses it in time has not run it.
func endless() string { return module(2, "", []byte{0x03, 0x40, 0x0c, 0x00, 0x0b}) }

// locked is a run that was made with a copy of plugins/rrhf, and the copy's digest.
func locked(t *testing.T) (s config.Settings, was string) {
	t.Helper()
	file := rrhfModule(t)
	s = ranking(t)
	s.Task, s.MaxSteps = filepath.Join(t.TempDir(), "rrhf.wasm"), 2
	written(t, s.Task, contents(t, file))
	mustTrain(t, s)
	return s, digest(t, s.Task)
}

// A file that the lock or the pin does not allow is refused before it runs.
func TestChangedPluginDoesNotRun(t *testing.T) {
	s, was := locked(t)
	written(t, s.Task, endless())
	is := digest(t, s.Task)
	changed := "plugin " + s.Task + ": its sha256 is " + is + ", llmhost.lock has " + was + "; restore the file, or start a new run without locked"

	more := s
	more.Resume, more.MaxSteps = "auto", 3
	_, err := trained(more)
	require.EqualError(t, err, changed)

	branch := s
	branch.Resume, branch.OutputDir = filepath.Join(s.OutputDir, "checkpoint-2"), filepath.Join(t.TempDir(), "branch")
	_, err = trained(branch)
	require.EqualError(t, err, changed, "the lock is that of the run that the checkpoint belongs to")
	require.NoDirExists(t, branch.OutputDir)

	restarted := s
	restarted.OverwriteOutput, restarted.Locked = true, true
	_, err = trained(restarted)
	require.EqualError(t, err, changed)

	restarted.Locked, restarted.TaskSHA256 = false, was
	_, err = trained(restarted)
	require.EqualError(t, err, "plugin "+s.Task+": its sha256 is "+is+", the run asks for "+was+"; restore the file, or change task_sha256")

	restarted.TaskSHA256 = ""
	_, err = trained(restarted)
	require.EqualError(t, err, "plugin "+s.Task+": its worker spent more than 1s on describing itself and was killed (sha256 "+short(is)+"); look for a loop that does not end")
}

// Another path does not get a file past the lock of a run that goes on.
func TestAnotherPluginInItsPlace(t *testing.T) {
	s, was := locked(t)
	other := s
	other.Task, other.Resume, other.MaxSteps = written(t, filepath.Join(t.TempDir(), "other.wasm"), endless()), "auto", 3
	_, err := trained(other)
	require.EqualError(t, err, "plugin "+other.Task+": is not in llmhost.lock, which has "+s.Task+" of sha256 "+was+"; give that file, or start a new run without locked")

	other.Task = written(t, filepath.Join(t.TempDir(), "moved.wasm"), contents(t, s.Task))
	mustTrain(t, other)
	require.Contains(t, contents(t, s.OutputDir, "llmhost.lock"), other.Task, "the same file may move")
}

// A file that is used for the first time says what it may do, and no more after that.
func TestFirstUseSaysWhatAPluginMayDo(t *testing.T) {
	s := ranking(t)
	s.Task, s.MaxSteps = rrhfModule(t), 1
	may := "\n       may use   64 MiB of memory and 1s a call; no files, no network, no clock, no environment, no other program\n       asks for  "
	require.Contains(t, mustTrain(t, s), may)
	s.OverwriteOutput = true
	require.NotContains(t, mustTrain(t, s), "may use")
	written(t, filepath.Join(s.OutputDir, "llmhost.lock"), "null")
	_, err := trained(s)
	require.EqualError(t, err, filepath.Join(s.OutputDir, "llmhost.lock")+": has version 0, this llmhost reads 1; restore it, or remove it to take the plugin as it is now")
}

// An index out of range shows only where the program runs; the node is named.
func TestAProgramThatFailsWhereItRuns(t *testing.T) {
	require.Regexp(t, `^tensor op gather, node 2 of the loss program, over shapes \[.*: index 1000000 is out of bounds for dimension 2 with size \d+$`,
		own(ranking(t), "outside", beyond{}, nil).Error())
}

// beyond gathers beyond the end.
type beyond struct{}

func (beyond) Trace(g *sdk.Graph) sdk.Objective {
	index := g.LabelMask().To(sdk.I64).MulScalar(1e6)
	return sdk.Objective{Terms: []sdk.Term{{Name: "outside", Sum: g.Logps().Gather(2, index).Sum(), Coefficient: 1}}}
}

func TestBuiltinTaskHasNoPin(t *testing.T) {
	s := ranking(t)
	s.TaskSHA256 = strings.Repeat("0", 64)
	_, err := trained(s)
	require.EqualError(t, err, "task_sha256 is set, but task rrhf is part of llmhost and has no file; remove it, or give a plugin's file as task")
}

// The limits of plugins are settings.
func TestLimitsOfPlugins(t *testing.T) {
	file := contents(t, rrhfModule(t))
	fresh := 0
	refuse := func(change func(*config.Settings), want string) {
		t.Helper()
		s := ranking(t)
		fresh++ // nothing is known of a digest that was never seen
		s.Task = written(t, filepath.Join(t.TempDir(), "x.wasm"), file+"\x00\x03\x01x"+string(rune('a'+fresh)))
		change(&s)
		_, err := trained(s)
		require.ErrorContains(t, err, want)
	}
	refuse(func(s *config.Settings) { s.PluginCompileMS = 1 }, ": its worker spent more than 1ms on compiling and was killed")
	refuse(func(s *config.Settings) { s.PluginStartMS = 1 }, ": its worker spent more than 1ms on starting and was killed")
	refuse(func(s *config.Settings) { s.PluginMemoryMB = 1 }, "of memory at the start; the limit is 1 MiB")
}

// hungry is a loss that takes much memory where there are several candidates.
type hungry struct{}

func (hungry) Trace(g *sdk.Graph) sdk.Objective {
	much := g.Logps() // [B, K, T], and then [B, K, K, …, K, T]
	for more := range 4 {
		score := g.Column("score")
		for range 2 + more {
			score = score.Unsqueeze(2)
		}
		much = much.Unsqueeze(1).Mul(score)
	}
	return sdk.Objective{Terms: []sdk.Term{{Name: "much", Sum: much.Sum(), Coefficient: 1}}}
}

// reference is a loss that asks for what no run has.
type rewarding struct{}

func (rewarding) Trace(g *sdk.Graph) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{Name: "reward", Sum: g.Rewards().Sum(), Coefficient: 1}}}
}

// own trains with a task that a test has, whose loss reads the head of tokens.
func own(s config.Settings, name string, loss sdk.Loss, defaults map[string]any) error {
	return ownWith(s, name, sdk.LMHead, loss, defaults)
}

// ownWith is own with another head.
func ownWith(s config.Settings, name, head string, loss sdk.Loss, defaults map[string]any) error {
	s.Task = name
	plugin := sdk.Plugin{Name: name, Version: "1.0.0", Doc: "a test's", Losses: []sdk.LossSpec{sdk.NewLoss(name, "a test's", loss)},
		Tasks: []sdk.Task{{Name: name, Doc: "a test's", Formatter: "builtin:preference", Head: head, Loss: name, Defaults: defaults}}}
	return host.Train(context.Background(), s, host.Env{Builtins: append(builtin.All(), plugin), Version: "test", Lines: &bytes.Buffer{}})
}

// What a program takes is looked at once more when the data is known: the
// settings tell neither how many candidates there are nor how long they get.
func TestProgramTooLargeForTheData(t *testing.T) {
	s := ranking(t)
	s.PluginProgramMB, s.MaxLength, s.TrainBatchSize, s.EvalBatchSize = 1, 128, 8, 1
	require.ErrorContains(t, own(s, "hungry", hungry{}, nil), "task hungry: its loss program takes ")
	s.TrainBatchSize = 1
	require.NoError(t, own(s, "hungry", hungry{}, nil))
}

func TestALossThatNoRunCanFeed(t *testing.T) {
	for _, head := range []string{sdk.ScoreHead, ""} {
		require.EqualError(t, ownWith(ranking(t), "rewarding", head, rewarding{}, nil),
			"task rewarding has no pooling, and its loss reads a head that needs one vector a sequence; give pooling_type")
	}
	require.EqualError(t, ownWith(ranking(t), "rewarding", sdk.LMHead, rewarding{}, nil),
		`task rewarding: head is "lm", and its loss reads rewards of candidates (rewards); want head "score"`)
	require.EqualError(t, ownWith(ranking(t), "rewarding", "scores", rewarding{}, nil),
		`plugin rewarding: its descriptor is wrong about task rewarding: head is "scores"; want lm, score or classes; did you mean score?`)
}

// A plugin cannot give itself more room.
func TestNoPluginRaisesItsLimits(t *testing.T) {
	require.EqualError(t, own(ranking(t), "greedy", hungry{}, map[string]any{"plugin_program_mb": 1e6}),
		"task greedy has a default for plugin_program_mb, which only the user may choose; remove it from the plugin")
}

// broken is a loss of which one term, or else a metric, is never a number.
type broken struct{ metric bool }

func (b broken) Trace(g *sdk.Graph) sdk.Objective {
	sum := g.Logps().Sum().Neg()
	nan := sum.Abs().AddScalar(1).Neg().Log()
	objective := sdk.Objective{Terms: []sdk.Term{{Name: "nll", Sum: sum, Coefficient: 1}}}
	if b.metric {
		objective.Metrics = []sdk.Metric{{Name: "odd", Sum: nan}}
	} else {
		objective.Terms = append(objective.Terms, sdk.Term{Name: "odd", Sum: nan, Coefficient: 1})
	}
	return objective
}

func TestALossThatIsNoNumber(t *testing.T) {
	s := ranking(t)
	s.MaxSteps, s.EvalDataPaths, s.EvalStrategy = 1, nil, "no"
	err := own(s, "broken", broken{}, nil)
	require.Regexp(t, `^step 1: the loss of the batch of \S+:\d+, .* is NaN before any weight has moved, by its term odd; look at these records, and at the loss with llmhost plugins check`, err.Error())

	s.OutputDir = filepath.Join(t.TempDir(), "run")
	require.NoError(t, own(s, "odd", broken{metric: true}, nil), "a metric is no reason to stop")
	require.Contains(t, contents(t, s.OutputDir, "metrics.jsonl"), `"odd":"NaN"`)
}
