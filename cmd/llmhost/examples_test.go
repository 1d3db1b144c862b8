package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/config"
	"llmhost/host/metrics"
)

// goal is what the evaluation at the end of a run must show, on records held out.
type goal struct {
	metric string
	rises  bool
	bound  float64
}

func above(metric string, least float64) goal { return goal{metric, true, least} }
func below(metric string, most float64) goal  { return goal{metric, false, most} }

// met says whether a metric got better, and as good as the goal asks.
func (g goal) met(before, after float64) bool {
	if g.rises {
		return after > before && after >= g.bound
	}
	return after < before && after <= g.bound
}

// examplePages are the folders of examples with a page each, and the goals of
// every run that the page makes. All others may start from what the first leaves.
// The bounds are far from what the pages show, because numbers differ between machines.
var examplePages = []struct {
	folder string
	runs   map[string][]goal
}{
	{"sft", map[string][]goal{"run.toml": {below("eval_perplexity", 2)}}},
	{"classification", map[string][]goal{"run.toml": {above("eval_accuracy", 0.75)}}},
	{"multi_objective_classification", map[string][]goal{"run.toml": {above("eval_accuracy/tone", 0.75), above("eval_accuracy/topic", 0.65)}}},
	{"reward", map[string][]goal{
		"run.toml": {above("eval_accuracy", 0.7), above("eval_margin", 0.8)},
		"lm.toml":  {above("eval_accuracy", 0.7), above("eval_margin", 0.8)},
	}},
	{"rejection_sampling", map[string][]goal{"run.toml": {below("eval_perplexity", 1.18)}}},
	{"weighted_learning", map[string][]goal{"run.toml": {below("eval_perplexity/positive", 1.4), above("eval_perplexity/negative", 10)}}},
	{"rrhf", map[string][]goal{"run.toml": {above("eval_rank_accuracy", 0.8), above("eval_best_of_k_accuracy", 0.75)}}},
	{"dpo", map[string][]goal{"run.toml": {above("eval_rewards/accuracies", 0.75), above("eval_rewards/margins", 0.4)}}},
	{"kto", map[string][]goal{"run.toml": {above("eval_rewards/chosen", 0.05), below("eval_rewards/rejected", -2)}}},
	{"orpo", map[string][]goal{"run.toml": {above("eval_rewards/accuracies", 0.85), above("eval_log_odds_chosen", 2)}}},
	{"simpo", map[string][]goal{"run.toml": {above("eval_rewards/accuracies", 0.8), above("eval_rewards/margins", 0.5)}}},
	{"cpo", map[string][]goal{"run.toml": {above("eval_rewards/accuracies", 0.7), above("eval_rewards/margins", 0.7)}}},
	{"offline_ppo", map[string][]goal{"run.toml": {below("eval_loss", 0.2), above("eval_kl_positive", 0.01), below("eval_kl_negative", -0.3)}}},
	{"distill", map[string][]goal{"run.toml": {below("eval_kl", 1)}}},
	{"lora", map[string][]goal{"run.toml": {above("eval_rewards/accuracies", 0.65), above("eval_rewards/margins", 0.6)}}},
}

// elsewhere are the files like them that something else runs.
var elsewhere = map[string]string{
	"quickstart/sft.toml":  "make demo",
	"quickstart/rrhf.toml": "make demo",
	"rust/Cargo.toml":      "examples/languages_test.go",
}

const examplesFolder = "../../examples"

// No example is forgotten, and no task is without one.
func TestExamplesAreComplete(t *testing.T) {
	var want, tasks []string
	for file := range elsewhere {
		want = append(want, file)
	}
	for _, p := range examplePages {
		for file := range p.runs {
			want = append(want, p.folder+"/"+file)
			settings, _, err := config.Load(filepath.Join(examplesFolder, p.folder, file), nil)
			require.NoError(t, err)
			tasks = append(tasks, settings.Task)
		}
	}
	found, err := filepath.Glob(filepath.Join(examplesFolder, "*", "*.toml"))
	require.NoError(t, err)
	for i, file := range found {
		found[i] = filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
	}
	require.NotEmpty(t, found, "examples")
	require.ElementsMatch(t, want, found, "examplePages has every examples/*/*.toml")
	for _, plugin := range builtin.All() {
		for _, task := range plugin.Tasks {
			require.Contains(t, tasks, task.Name, "every builtin task has an example")
		}
	}
	index, err := os.ReadFile(filepath.Join(examplesFolder, "README.md"))
	require.NoError(t, err)
	for _, file := range want {
		require.Contains(t, string(index), "]("+filepath.Dir(file)+"/README.md)", "examples/README.md lists every example")
	}
}

// TestExamples does what the pages tell their reader to do.
func TestExamples(t *testing.T) {
	root := exampleRoot(t)
	follow(t, root, "README.md")
	for i, p := range examplePages {
		t.Run(p.folder, func(t *testing.T) {
			if i > 0 {
				t.Parallel()
			}
			text := follow(t, root, p.folder+"/README.md")
			for file, goals := range p.runs {
				first, last := evaluations(t, root, "examples/"+p.folder+"/"+file)
				for _, g := range goals {
					before, _ := first.Get(g.metric)
					after, found := last.Get(g.metric)
					require.True(t, found && g.met(before, after), "%s: %s is %v before and %v after; want %+v", file, g.metric, before, after, g)
					require.Contains(t, text, "`"+g.metric+"`", "the page says what to look at")
				}
			}
		})
	}
}

// exampleRoot is a folder that looks like the root of the repository and takes the runs.
func exampleRoot(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash")
	}
	root := t.TempDir()
	examples, err := filepath.Abs(examplesFolder)
	require.NoError(t, err)
	require.NoError(t, os.Symlink(examples, filepath.Join(root, "examples")))
	require.NoError(t, os.Mkdir(filepath.Join(root, "bin"), 0o755))
	script := "#!/bin/sh\n" + asProgram + "=1 exec " + os.Args[0] + " \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "llmhost"), []byte(script), 0o755))
	return root
}

// tableRow is a metric before and after a run, configFlag the run's settings.
var (
	tableRow   = regexp.MustCompile(`^(eval_\S+) +(\S+) +(\S+)$`)
	configFlag = regexp.MustCompile(`--config (\S+)`)
)

// follow does what a page says, compares its tables with what was measured, and
// returns its text.
func follow(t *testing.T, root, page string) string {
	t.Helper()
	path := filepath.Join(examplesFolder, page)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, b := range blocks(t, path) {
		var rows [][]string
		for i, line := range b.lines {
			if row := tableRow.FindStringSubmatch(line); row != nil {
				rows = append(rows, row)
				b.lines[i] = row[1] + " …" // numbers are compared below, because they may differ a little
			}
		}
		(&reader{t, root}).do(b)
		if len(rows) == 0 {
			continue
		}
		named := configFlag.FindStringSubmatch(b.lines[0])
		require.NotNil(t, named, "a table stands under the command that makes it: %s", b.lines[0])
		first, last := evaluations(t, root, named[1])
		for _, row := range rows {
			before, _ := first.Get(row[1])
			after, _ := last.Get(row[1])
			require.True(t, near(t, row[2], before) && near(t, row[3], after), "%s has %q, and it is %v before and %v after; bring the page up to date", page, row[0], before, after)
		}
	}
	return string(text)
}

// near says whether a number of a page is of the size of a measured one.
func near(t *testing.T, shown string, measured float64) bool {
	number, isPercent := strings.CutSuffix(shown, "%")
	x, err := strconv.ParseFloat(number, 64)
	require.NoError(t, err)
	if isPercent {
		x /= 100
	}
	return math.Abs(x-measured) <= 0.2+0.5*math.Max(math.Abs(x), math.Abs(measured))
}

// evaluations are the first and the last one of a run of these settings.
func evaluations(t *testing.T, root, file string) (first, last metrics.Entry) {
	t.Helper()
	settings, _, err := config.Load(filepath.Join(root, file), nil)
	require.NoError(t, err)
	all, err := metrics.ReadJSONL(filepath.Join(root, settings.OutputDir, "metrics.jsonl"))
	require.NoError(t, err)
	for _, e := range all {
		if _, isEval := e.Get("eval_loss"); isEval {
			if len(first.Values) == 0 {
				first = e
			}
			last = e
		}
	}
	require.Greater(t, last.Step, first.Step, "%s evaluates before and after", file)
	return first, last
}
