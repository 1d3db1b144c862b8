package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
	"llmhost/sdk"
)

// asIs gives prompts and answers on, empty ones too.
type asIs struct{}

func (asIs) Columns() []sdk.Column {
	return []sdk.Column{{Name: "prompt", Type: sdk.String, Required: true}, {Name: "answer", Type: sdk.String, Required: true}}
}

func (asIs) Format(r *sdk.Row, o *sdk.Out) error {
	o.Candidate(r.Str(0), r.Str(1))
	return nil
}

// trainedAsIs makes a run whose formatter is asIs.
func trainedAsIs(s config.Settings) (string, error) {
	var lines bytes.Buffer
	plugin := sdk.Plugin{Name: "test", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("as_is", "prompts and answers as they are", asIs{})}}
	s.Formatter = "as_is"
	err := host.Train(context.Background(), s, host.Env{Builtins: append(builtin.All(), plugin), Lines: &lines})
	return lines.String(), err
}

// answering is a run of sft over records of a prompt and an answer each, and no evaluation.
func answering(t *testing.T, records ...[2]string) config.Settings {
	t.Helper()
	s := lesson(t, "sft", nil, nil)
	var lines strings.Builder
	for _, r := range records {
		text, err := json.Marshal(map[string]any{"prompt": r[0], "answer": r[1]})
		require.NoError(t, err)
		fmt.Fprintln(&lines, string(text))
	}
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "answers.jsonl"), lines.String())}
	s.EvalDataPaths, s.NumTrainEpochs = nil, 1
	return s
}

// A record that breaks an invariant ends the run before its model is read, with its
// place and what to do; or it is counted, in the first lines and in run.json.
func TestInvariantsOfRecords(t *testing.T) {
	good := [2]string{"Good?", " yes"}
	for _, c := range []struct {
		name, invariant, want, count string
		record                       [2]string
		change                       func(*config.Settings)
	}{
		{"BOS twice", "bos", `the sequence has <s> (1) twice in a row; want it once: leave it out of the text or the chat template, or set add_bos_token = false`, "1 with a wrong begin", [2]string{"<s><s>Good?", " yes"}, nil},
		{"no text", "empty", `the sequence has 2 tokens, and none of them is text; leave the record out, or let the formatter drop it`, "1 empty", [2]string{"", ""}, nil},
		{"nothing to learn", "learned", `none of the 6 tokens is learned, and the loss learns from them; the answer is empty, or all of it is masked`, "1 with nothing to learn", [2]string{"Good?", ""}, func(s *config.Settings) { s.AddEOS = config.Off }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, good, c.record, good, c.record)
			if c.change != nil {
				c.change(&s)
			}
			at := s.DataPaths[0] + ":2: "
			_, err := trainedAsIs(s)
			require.EqualError(t, err, at+c.want+" (and 1 more like it)\ndata_invariants = \"count\" trains on such records, and counts them")
			require.NoDirExists(t, s.OutputDir)

			s.Invariants = "count"
			lines, err := trainedAsIs(s)
			require.NoError(t, err)
			require.Contains(t, lines, "       2 of 4 sequences: "+c.want+" (the first at "+s.DataPaths[0]+":2)\n")
			require.Contains(t, lines, "check  4 sequences: ")
			require.Contains(t, lines, strings.Replace(c.count, "1 ", "2 ", 1))
			r := readRecord(t, s.OutputDir).Invariants
			require.Equal(t, 4, r.Sequences)
			require.Equal(t, map[string]int{c.invariant: 2}, r.Broken)
			require.Equal(t, map[string]int{c.invariant: 2}, r.InBatches)

			s.Invariants, s.OutputDir = "off", filepath.Join(t.TempDir(), "run")
			lines, err = trainedAsIs(s)
			require.NoError(t, err)
			require.NotContains(t, lines, "check  ")
			require.Nil(t, readRecord(t, s.OutputDir).Invariants)
		})
	}
}

// What a run may well be asked for breaks none.
func TestInvariantsOfGoodRecords(t *testing.T) {
	long := strings.Repeat("long ", 40)
	records := [][2]string{{"Good?", " yes"}, {"<s>Begun", " and ended</s>"}, {"", "a text alone"}, {"Turns</s><s>in one text", " yes"}, {"Cut " + long, long}}
	for name, change := range map[string]func(*config.Settings){
		"as it is":          func(*config.Settings) {},
		"cut on the right":  func(s *config.Settings) { s.TruncationSide = "right" },
		"nothing around":    func(s *config.Settings) { s.AddSpecialTokens = config.Off },
		"all is learned":    func(s *config.Settings) { s.OnlyPredictAnswer = false },
		"packs":             func(s *config.Settings) { s.Packing = "bfd" },
		"blocks":            func(s *config.Settings) { s.Packing, s.MaxLength = "wrapped", 16 },
		"split tokens":      func(s *config.Settings) { s.SplitSpecial = config.On },
		"counted":           func(s *config.Settings) { s.Invariants = "count" },
		"the shortest ones": func(s *config.Settings) { s.MaxLength = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			s := answering(t, records...)
			change(&s)
			require.Contains(t, mustTrain(t, s), ": 0 empty, 0 with nothing to learn, 0 with a wrong begin, 0 with a wrong end, 0 with wrong ids or labels\n")
			r := readRecord(t, s.OutputDir).Invariants
			require.Positive(t, r.Sequences)
			require.Empty(t, r.Broken)
			require.Empty(t, r.InBatches)
		})
	}
	t.Run("an encoder", func(t *testing.T) {
		s := encoded(t, "classification", func(i int, thing string) map[string]any {
			return map[string]any{"text": thing, "label": i % 2}
		})
		s.NumTrainEpochs = 1
		require.Contains(t, mustTrain(t, s), "check  64 sequences: 0 empty")
	})
}

// A chat template that ends no turn, or begins twice, is found with the first record of it.
func TestInvariantsOfChats(t *testing.T) {
	const turns = `{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}`
	for _, c := range []struct{ name, template, want string }{
		{"as it should be", "<s>" + turns + "</s>{% endfor %}", ""},
		{"space behind the end", turns + "</s>\n{% endfor %}", ""},
		{"no end", "<s>" + turns + "\n{% endfor %}", "the last token that is learned is "},
		{"two begins", "<s><s>" + turns + "</s>{% endfor %}", "the sequence has <s> (1) twice in a row"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := lesson(t, "sft", nil, nil)
			s.EvalDataPaths, s.NumTrainEpochs, s.MaxLength = nil, 1, 256
			s.ChatTemplate = written(t, filepath.Join(t.TempDir(), "turns.jinja"), c.template)
			record := `{"messages": [{"role": "user", "content": "Good?"}, {"role": "assistant", "content": "Yes."}]}` + "\n"
			s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "chats.jsonl"), strings.Repeat(record, 4))}
			lines, err := trained(s)
			if c.want == "" {
				require.NoError(t, err)
				require.Contains(t, lines, "check  4 sequences: 0 empty, 0 with nothing to learn, 0 with a wrong begin, 0 with a wrong end")
				return
			}
			require.ErrorContains(t, err, s.DataPaths[0]+":1: "+c.want)
			require.ErrorContains(t, err, "(and 3 more like it)")
			s.Invariants = "count"
			lines = mustTrain(t, s)
			require.Contains(t, lines, "       4 of 4 sequences: "+c.want)
		})
	}
}
