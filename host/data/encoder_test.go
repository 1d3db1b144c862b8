package data_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

const cls, sep = 1, 2

func encoder(length int) data.Tokenizing {
	return data.Tokenizing{MaxLength: length, OnlyPredictAnswer: true, Before: []int32{cls}, After: []int32{sep}, Encoder: true}
}

func TestEncoderSequences(t *testing.T) {
	ab, cd, ef, gh := pair("ab"), pair("cd"), pair("ef"), pair("gh")
	for _, x := range []struct {
		name           string
		length         int
		prompt, answer string
		ids, types     []int64
		truncated, cut bool
	}{
		{"one text", 9, "", "abcd", []int64{cls, ab, cd, sep}, nil, false, false},
		{"one text in front", 9, "abcd", "", []int64{cls, ab, cd, sep}, nil, false, false},
		{"one text, cut", 4, "", "abcdefgh", []int64{cls, ef, gh, sep}, nil, true, true},
		{"a pair", 9, "ab", "cd", []int64{cls, ab, sep, cd, sep}, []int64{0, 0, 0, 1, 1}, false, false},
		{"its first text is longer", 6, "abcdef", "gh", []int64{cls, cd, ef, sep, gh, sep}, []int64{0, 0, 0, 0, 1, 1}, true, false},
		{"its second text is longer", 6, "ab", "cdefgh", []int64{cls, ab, sep, ef, gh, sep}, []int64{0, 0, 0, 1, 1, 1}, true, true},
		{"its own marks", 9, "\x00\x01ab\x00\x02", "cd\x00\x02", []int64{cls, ab, sep, cd, sep}, []int64{0, 0, 0, 1, 1}, false, false},
		{"both are too long", 6, "abcd", "efgh", []int64{cls, cd, sep, ef, gh, sep}, []int64{0, 0, 0, 1, 1, 1}, true, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			got, err := data.Tokenize([]data.Formatted{example(sdk.Candidate{Prompt: x.prompt, Answer: x.answer})}, pairs{new([]string)}, encoder(x.length))
			require.NoError(t, err)
			sequence := got[0].Sequences[0]
			require.Equal(t, x.ids, sequence.IDs)
			require.Equal(t, x.types, sequence.Types)
			require.Equal(t, x.truncated, sequence.Truncated)
			require.Equal(t, x.cut, sequence.AnswerCut)
			require.Zero(t, sequence.LabelCount())
		})
	}
	_, err := data.Tokenize(nil, pairs{new([]string)}, encoder(3))
	require.EqualError(t, err, "max_length is 3; want more, since an encoder's sequences have up to 3 special tokens")
}

// transformers' own tokenizer gives the same ids and types at every length.
func TestEncoderSequencesPeer(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with transformers")
	}
	const folder = "../conformance/testdata/tokenizers/tiny_wordpiece"
	tokens, err := tokenizer.Load(folder)
	require.NoError(t, err)
	defer tokens.Close()
	texts := [][2]string{
		{"hello there", ""}, {"what is water?", "it boils at one hundred degrees"}, {"a rather long first text, that has more words than the other", "short"},
		{"as long as that", "as long as this"}, {"ünïcode and 123", "the capital of france is paris . " + "it is a city"},
	}
	job, err := json.Marshal(map[string]any{"folder": folder, "texts": texts})
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", `
import json, sys
from transformers import AutoTokenizer
job = json.loads(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(job["folder"])
rows = []
for a, b in job["texts"]:
    for length in range(4, 40):
        for side in "left", "right":
            tokenizer.truncation_side = side
            got = tokenizer(a, b or None, truncation="longest_first", max_length=length, return_token_type_ids=True)
            rows.append([got["input_ids"], got["token_type_ids"]])
print(json.dumps(rows))
`, string(job))
	cmd.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
	printed, err := cmd.Output()
	require.NoError(t, err)
	var want [][2][]int64
	require.NoError(t, json.Unmarshal(printed, &want))
	how := encoder(0)
	how.Before, how.After = []int32{tokens.Special().CLS}, []int32{tokens.Special().SEP}
	for _, text := range texts {
		for length := 4; length < 40; length++ {
			for _, side := range []data.Side{data.Left, data.Right} {
				how.MaxLength, how.TruncationSide = length, side
				got, err := data.Tokenize([]data.Formatted{example(sdk.Candidate{Prompt: text[0], Answer: text[1]})}, tokens, how)
				require.NoError(t, err)
				sequence := got[0].Sequences[0]
				if sequence.Types == nil {
					sequence.Types = make([]int64, len(sequence.IDs))
				}
				require.Equal(t, want[0], [2][]int64{sequence.IDs, sequence.Types}, "%q at %d, cut on the %s", text, length, side)
				want = want[1:]
			}
		}
	}
}
