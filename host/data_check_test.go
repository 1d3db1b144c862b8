package host_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/data/inspect"
	"llmhost/host/tokenizer"
)

// checkData checks data files as a user would with flags.
func checkData(t *testing.T, flags ...string) *inspect.Report {
	t.Helper()
	s, _, err := config.Load("", flags)
	require.NoError(t, err)
	report, err := host.CheckData(context.Background(), s, host.Env{Builtins: builtin.All(), Lines: io.Discard}, host.DataCheckOptions{Near: 0.8, Kept: 100})
	require.NoError(t, err)
	return report
}

// serious lists what a report found that is more than a note: "check severity file:row record field".
func serious(r *inspect.Report) (found []string) {
	for _, g := range r.Groups {
		for _, f := range g.Findings {
			if f.Severity != inspect.Note {
				found = append(found, fmt.Sprintf("%s %s %s:%d %s", f.Check, f.Severity, filepath.Base(f.File), f.Row, f.Field))
			}
		}
	}
	return found
}

// TestBrokenDataIsFound holds that each set of the corpus is found with row and field,
// and that nothing else is found in it.
func TestBrokenDataIsFound(t *testing.T) {
	sets, err := filepath.Glob("testdata/broken/*.json*")
	require.NoError(t, err)
	tested := map[string]bool{}
	for _, c := range []struct {
		file string
		want []string
	}{
		{"syntax.jsonl", []string{"unreadable error syntax.jsonl:4 "}},
		{"truncated_array.json", []string{"unreadable error truncated_array.json:16 "}},
		{"not_utf8.jsonl", []string{"encoding error not_utf8.jsonl:3 completion"}},
		{"half_surrogate.jsonl", []string{"encoding error half_surrogate.jsonl:5 completion"}},
		{"missing_field.jsonl", []string{"mixed-fields error missing_field.jsonl:7 completoin"}},
		{"wrong_type.jsonl", []string{"mixed-types error wrong_type.jsonl:3 answer"}},
		{"mixed_forms.jsonl", []string{"mixed-fields error mixed_forms.jsonl:8 messages"}},
		{"scores_missing.jsonl", []string{"score-count error scores_missing.jsonl:5 scores"}},
		{"empty_answer.jsonl", []string{"empty warning empty_answer.jsonl:5 completion"}},
		{"empty_prompt.jsonl", []string{"empty warning empty_prompt.jsonl:2 prompt"}},
		{"empty_turn.jsonl", []string{"empty warning empty_turn.jsonl:4 messages[1].content"}},
		{"duplicate.jsonl", []string{"duplicates warning duplicate.jsonl:9 completion"}},
		{"near_duplicate.jsonl", []string{"near-duplicates warning near_duplicate.jsonl:8 completion"}},
		{"conflicting_labels.jsonl", []string{"same-prompt warning conflicting_labels.jsonl:9 label"}},
		{"overlap.jsonl", []string{"overlap error overlap.eval.jsonl:2 completion"}},
		{"overlap_prompt.jsonl", []string{"overlap warning overlap_prompt.eval.jsonl:2 prompt"}},
		{"answer_repeats_prompt.jsonl", []string{"repeats warning answer_repeats_prompt.jsonl:6 completion"}},
		{"prompt_holds_answer.jsonl", []string{"repeats warning prompt_holds_answer.jsonl:4 prompt"}},
		{"chosen_is_rejected.jsonl", []string{"equal-answers error chosen_is_rejected.jsonl:7 rejected"}},
		{"equal_scores.jsonl", []string{"equal-scores warning equal_scores.jsonl:2 scores"}},
		{"constant_score.jsonl", []string{"equal-scores warning constant_score.jsonl:1 score"}},
		{"rare_label.jsonl", []string{"labels warning rare_label.jsonl:21 label"}},
		{"one_label.jsonl", []string{"labels warning one_label.jsonl:1 label"}},
		{"label_spelling.jsonl", []string{"labels warning label_spelling.jsonl:8 label"}},
		{"unseen_label.jsonl", []string{"labels error unseen_label.eval.jsonl:2 label"}},
		{"replacement.jsonl", []string{"replacement warning replacement.jsonl:3 completion"}},
		{"mojibake.jsonl", []string{"mojibake warning mojibake.jsonl:1 completion"}},
		{"control_character.jsonl", []string{"control-chars warning control_character.jsonl:10 prompt"}},
		{"html.jsonl", []string{"html warning html.jsonl:5 messages[1].content"}},
		{"special_tokens.jsonl", []string{"special-tokens warning special_tokens.jsonl:7 messages[0].content"}},
		{"two_users.jsonl", []string{"role-order warning two_users.jsonl:3 messages[1].content"}},
		{"unknown_role.jsonl", []string{"role-order error unknown_role.jsonl:9 messages[0].content"}},
		{"late_system.jsonl", []string{"role-order warning late_system.jsonl:6 messages[1].content"}},
		{"ends_in_user.jsonl", []string{"role-order warning ends_in_user.jsonl:2 messages[2].content"}},
		{"no_answer.jsonl", []string{"role-order error no_answer.jsonl:4 messages"}},
		{"assistant_first.jsonl", []string{"role-order warning assistant_first.jsonl:8 conversations[0].value"}},
		{"two_blanks.jsonl", []string{"borders warning two_blanks.jsonl:5 completion"}},
		{"no_blank.jsonl", []string{"borders warning no_blank.jsonl:9 completion"}},
		{"over_long.jsonl", []string{"over-long warning over_long.jsonl:7 completion"}},
		{"unknown_form.jsonl", []string{"unknown-form error unknown_form.jsonl:1 "}},
		{"placeholder.jsonl", []string{"placeholder warning placeholder.jsonl:5 completion"}},
		{"escaped_lines.jsonl", []string{"escaped-lines warning escaped_lines.jsonl:7 completion"}},
		{"encoded_data.jsonl", []string{"encoded-data warning encoded_data.jsonl:3 completion"}},
		{"cut_texts.jsonl", []string{"cut-texts warning cut_texts.jsonl:7 completion"}},
		{"constant_answer.jsonl", []string{"constant-answer warning constant_answer.jsonl:4 completion"}},
		{"leaked_label.jsonl", []string{"leaked-label warning leaked_label.jsonl:1 text"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join("testdata/broken", c.file)
			flags := []string{"--data_paths", path}
			tested[path] = true
			if eval := strings.TrimSuffix(path, ".jsonl") + ".eval.jsonl"; exists(eval) {
				flags = append(flags, "--eval_data_paths", eval)
				tested[eval] = true
			}
			report := checkData(t, flags...)
			require.Equal(t, c.want, serious(report))
			require.True(t, report.Fails(inspect.Warning))
		})
	}
	for _, set := range sets {
		require.True(t, tested[set], "no test wants anything of %s", set)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// byteTokenizer is a tokenizer with a token a byte.
func byteTokenizer(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, tokenizer.WriteByteLevel(folder))
	return folder
}

// dataFile writes lines to a new data file.
func dataFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o666))
	return path
}

func TestTokensAreLookedAt(t *testing.T) {
	folder := byteTokenizer(t)
	good := `{"prompt": "Say a word.", "answer": " Blue."}`
	for _, c := range []struct {
		name  string
		lines []string
		flags []string
		want  []string
	}{
		{"cut into the answer", []string{good, `{"prompt": "Count up to ten.", "answer": " one two three four five six seven"}`}, []string{"--max_length", "30"},
			[]string{"truncated warning a.jsonl:2 answer"}},
		{"cut on the right, so that nothing is left to learn", []string{good, `{"prompt": "Here is a long prompt, longer than thirty bytes.", "answer": " Yes."}`},
			[]string{"--max_length", "30", "--truncation_side", "right"},
			[]string{"no-learned-token error a.jsonl:2 answer", "truncated warning a.jsonl:2 answer", "eos warning a.jsonl:2 answer"}},
		{"a field that the formatter wants", []string{good, `{"prompt": "Say another.", "reply": " Red."}`}, nil,
			[]string{"refused error a.jsonl:2 answer", "mixed-fields error a.jsonl:2 reply"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags := append([]string{"--task", "sft", "--tokenizer_name_or_path", folder, "--data_paths", dataFile(t, c.lines...)}, c.flags...)
			require.Equal(t, c.want, serious(checkData(t, flags...)))
		})
	}
}

func TestLengthsAreCounted(t *testing.T) {
	report := checkData(t, "--task", "sft", "--tokenizer_name_or_path", byteTokenizer(t), "--data_paths",
		dataFile(t, `{"prompt": "ab", "answer": " cd"}`, `{"prompt": "abcd", "answer": " ef"}`))
	require.Equal(t, 2, report.Lengths.Sequences)
	require.Equal(t, 7, report.Lengths.Shortest, "BOS, five bytes and EOS")
	require.Equal(t, 9, report.Lengths.Longest)
	require.Equal(t, 8, report.Lengths.Learned, "three bytes and EOS of each")
	require.Equal(t, map[int]int{1: 2}, report.Lengths.EOS)
}

// TestRealDataIsFoundGood holds that good data makes no noise.
func TestRealDataIsFoundGood(t *testing.T) {
	shared := os.Getenv("LLMHOST_DATA")
	if shared == "" {
		t.Skip("LLMHOST_DATA does not name the folder of real data")
	}
	for _, name := range []string{"preference/helpful", "preference/harmless", "preference/gpt4llm", "classification/source", "sft/alpaca"} {
		report := checkData(t, "--data_paths", filepath.Join(shared, name+".train.jsonl"), "--eval_data_paths", filepath.Join(shared, name+".eval.jsonl"))
		require.Empty(t, serious(report), name)
	}
}

// A field that the formatter does not read may be anything; the report says that it is not
// read. One that it reads may not, under whatever name the files have it.
func TestTypesOfFieldsThatAreRead(t *testing.T) {
	file := dataFile(t,
		`{"question": "a", "completion": " b", "meta": "x"}`,
		`{"question": "c", "completion": " d", "meta": {"y": 1}}`,
		`{"question": "e", "completion": 5, "meta": [1]}`,
		`{"question": ["f"], "completion": " g", "meta": 2}`,
	)
	columns := filepath.Join(t.TempDir(), "run.toml")
	require.NoError(t, os.WriteFile(columns, []byte("[columns]\nprompt = \"question\"\n"), 0o666))
	s, _, err := config.Load(columns, []string{"--task", "sft", "--formatter", "prompt_completion", "--data_paths", file})
	require.NoError(t, err)
	report, err := host.CheckData(context.Background(), s, host.Env{Builtins: builtin.All(), Lines: io.Discard}, host.DataCheckOptions{Kept: 100})
	require.NoError(t, err)
	require.Subset(t, serious(report), []string{"mixed-types error a.jsonl:4 prompt", "mixed-types error a.jsonl:3 completion"})
	require.NotContains(t, fmt.Sprint(serious(report)), "meta")
	require.Contains(t, report.Notes, "fields not read: meta")
}

// A prompt under a name that the formatter does not read is found: the answers would be
// learned without it.
func TestAPromptThatIsNotReadIsFound(t *testing.T) {
	unread := dataFile(t, `{"system": "s", "question": "Which?", "chosen": "not this one", "rejected": "it is other"}`)
	require.Equal(t, []string{"unread-prompt warning a.jsonl:1 question"}, serious(checkData(t, "--task", "dpo", "--data_paths", unread)))
	read := dataFile(t, `{"system": "s", "prompt": "Which?", "chosen": " this one", "rejected": " that one"}`)
	require.Empty(t, serious(checkData(t, "--task", "dpo", "--data_paths", read)))
	common := dataFile(t, `{"question": "Which?", "chosen": "Human: Which?\n\nAssistant: this one", "rejected": "Human: Which?\n\nAssistant: that one"}`)
	require.Empty(t, serious(checkData(t, "--task", "dpo", "--data_paths", common)))
}
