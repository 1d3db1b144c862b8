package host_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host"
	"llmhost/host/data/inspect"
)

// datasetsFlag are files as data sets; the second one names its chats talk.
func datasetsFlag(paths []string) string {
	return fmt.Sprintf("[{path = %q}, {path = %q, columns = {conversations = \"talk\"}}, {path = %q}]", paths[0], paths[1], paths[2])
}

// named are the findings of a check.
func named(r *inspect.Report, check string) (texts []string) {
	for _, g := range r.Groups {
		if g.Check == check {
			for _, f := range g.Findings {
				texts = append(texts, fmt.Sprintf("%s:%d %s", filepath.Base(f.File), f.Row, f.Text))
			}
		}
	}
	return texts
}

// Data sets of different kinds are each looked at by their own formatter.
func TestCheckOfDataSets(t *testing.T) {
	paths := threeKinds(t)
	report := checkData(t, "--task", "sft", "--datasets", datasetsFlag(paths))
	require.Len(t, report.Files, 3)
	require.Empty(t, named(report, "mixed-fields"))
	require.Empty(t, named(report, "refused"))
	require.Contains(t, strings.Join(report.Notes, "\n"), "set 2  "+paths[1]+": conversations (from/value), by its fields: formatter sharegpt")

	other := written(t, filepath.Join(t.TempDir(), "eval.jsonl"), `{"messages": [{"role": "user", "content": "Say 3."}, {"role": "assistant", "content": "I say 3"}]}`+"\n")
	report = checkData(t, "--task", "sft", "--datasets", datasetsFlag(paths[:3]), "--eval_data_paths", other)
	require.Equal(t, []string{"eval.jsonl:1 the training data has the same texts at " + paths[1] + ":4"}, named(report, "overlap"))
}

// What eval_split holds out is looked at as evaluation data: a prompt that is on both
// sides is an overlap.
func TestCheckOfWhatIsHeldOut(t *testing.T) {
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, "{\"prompt\": \"what is the answer to question %d\", \"completion\": \"answer %d\"}\n", i/2, i)
	}
	path := written(t, filepath.Join(t.TempDir(), "data.jsonl"), text.String())
	require.Empty(t, named(checkData(t, "--task", "sft", "--data_paths", path), "overlap"))
	for _, split := range []string{"0.3", "10"} {
		report := checkData(t, "--task", "sft", "--data_paths", path, "--eval_split", split)
		require.NotEmpty(t, named(report, "overlap"), split)
		require.Len(t, report.Files, 2)
		require.Equal(t, 40, report.Files[0].Records+report.Files[1].Records)
		require.True(t, report.Files[1].Eval)
		if split == "10" {
			require.Equal(t, 10, report.Files[1].Records)
		}
	}
}

// The verbs that write records take those of all sets, and those that change their form
// know each set's names of fields.
func TestDataSetsAreConverted(t *testing.T) {
	paths := threeKinds(t)
	out := filepath.Join(t.TempDir(), "all.jsonl")
	result, err := convert(t, host.Conversion{Out: out, Form: "messages"}, "--datasets", datasetsFlag(paths))
	require.NoError(t, err)
	require.Equal(t, 24, result.Written)
	lines := strings.Split(strings.TrimSpace(contents(t, out)), "\n")
	require.Equal(t, `{"messages": [{"role": "user", "content": "Add 0."}, {"role": "assistant", "content": "is 1"}]}`, lines[0])
	require.Equal(t, `{"messages": [{"role": "user", "content": "Say 0."}, {"role": "assistant", "content": "I say 0"}]}`, lines[12])
	require.Equal(t, `{"messages": [{"role": "user", "content": "Who 0?"}, {"role": "assistant", "content": "me"}]}`, lines[20])
	_, err = convert(t, host.Conversion{Out: paths[1]}, "--datasets", datasetsFlag(paths))
	require.EqualError(t, err, paths[1]+": this is an input; --force writes over it")
}
