package host_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/data/show"
	"llmhost/host/data/source"
)

func showData(t *testing.T, w host.Wanted, flags ...string) ([]show.Record, error) {
	t.Helper()
	s, _, err := config.Load("", flags)
	require.NoError(t, err)
	return host.ShowData(context.Background(), s, host.Env{Builtins: builtin.All(), Lines: io.Discard}, w)
}

// spelt are the tokens of a candidate, each with its role, learned ones with a +.
func spelt(c show.Candidate) (all []string) {
	for _, t := range c.Tokens {
		mark := " "
		if t.Learned {
			mark = "+"
		}
		if t.Cut {
			mark += "✂"
		}
		all = append(all, t.Role+mark+t.Text)
	}
	return all
}

func TestTokensAreShown(t *testing.T) {
	file := dataFile(t, `{"prompt": "a", "answer": " b", "weight": 0.5}`, `{"prompt": "", "answer": "é"}`, `{"prompt": "x", "answer": ""}`, `{"prompt": 1}`)
	records, err := showData(t, host.Wanted{Numbers: []host.Range{{First: 1, Last: 2}, {First: 3, Last: 9}}}, "--task", "sft", "--tokenizer_name_or_path", byteTokenizer(t), "--data_paths", file, "--max_length", "4")
	require.NoError(t, err)
	require.Len(t, records, 4)
	require.Equal(t, []string{"added ✂<s>", "prompt a", "answer+ ", "answer+b", "added+</s>"}, spelt(records[0].Candidates[0]))
	require.Equal(t, []show.Column{{Name: "weight", Value: "0.5"}}, records[0].Columns)
	require.Equal(t, []string{"added <s>", "answer+", "answer+é", "added+</s>"}, spelt(records[1].Candidates[0]), "a character of two tokens is in the last of them")
	require.Equal(t, "left out: an empty answer", records[2].Note)
	require.Contains(t, records[3].Note, `field "prompt" is 1; want a string`)
}

func TestCandidatesAreShownWithWhatTheyShare(t *testing.T) {
	file := dataFile(t, `{"prompt": "Say ", "chosen": "yes", "rejected": "yep"}`)
	records, err := showData(t, host.Wanted{Place: source.Position{File: file, Line: 1}}, "--task", "dpo", "--tokenizer_name_or_path", byteTokenizer(t), "--data_paths", file)
	require.NoError(t, err)
	require.Equal(t, 0, records[0].Candidates[0].Shared)
	require.Equal(t, len("<Say ye"), records[0].Candidates[1].Shared)
}

func TestRecordsThatAreNotThere(t *testing.T) {
	file := dataFile(t, `{"prompt": "a", "answer": "b"}`)
	_, err := showData(t, host.Wanted{Numbers: []host.Range{{First: 7, Last: 7}}}, "--tokenizer_name_or_path", byteTokenizer(t), "--data_paths", file)
	require.EqualError(t, err, "none of 1 records is the one asked for")
	_, err = showData(t, host.Wanted{Numbers: []host.Range{{First: 1, Last: 1}}}, "--data_paths", file)
	require.EqualError(t, err, "no tokenizer is named; give model_name_or_path or tokenizer_name_or_path")
}
