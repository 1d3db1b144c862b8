package data_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/sdk"
)

// pairs is a tokenizer of two bytes a token, the last byte alone where they
// are odd: "abc" is ab, c. It counts its calls and texts.
type pairs struct{ texts *[]string }

func (p pairs) EncodeBatch(texts []string, special bool) ([][]int32, error) {
	if special {
		return nil, errors.New("want no special tokens")
	}
	*p.texts = append(*p.texts, texts...)
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		for at := 0; at < len(text); at += 2 {
			id := int32(text[at]) << 8
			if at+1 < len(text) {
				id |= int32(text[at+1])
			}
			ids[i] = append(ids[i], id)
		}
	}
	return ids, nil
}

func pair(s string) int64 {
	if len(s) == 1 {
		s += "\x00"
	}
	return int64(s[0])<<8 | int64(s[1])
}

func example(candidates ...sdk.Candidate) data.Formatted {
	return data.Formatted{Example: sdk.Example{Candidates: candidates}, Source: data.Position{File: "a.jsonl", Line: 1}}
}

func TestTokenizeSequences(t *testing.T) {
	const bos, eos, none = 1, 2, data.Ignore
	plain := data.Tokenizing{MaxLength: 100, OnlyPredictAnswer: true, AddSpecialTokens: true, BOS: bos, EOS: eos}
	with := func(change func(*data.Tokenizing)) data.Tokenizing {
		how := plain
		change(&how)
		return how
	}
	ab, cd, ef, c, cx := pair("ab"), pair("cd"), pair("ef"), pair("c"), pair("cx")
	for _, test := range []struct {
		name           string
		how            data.Tokenizing
		prompt, answer string
		ids, labels    []int64
		truncated      bool
		answerCut      bool
	}{
		{"prompt and answer", plain, "abcd", "ef", []int64{bos, ab, cd, ef, eos}, []int64{none, none, none, ef, eos}, false, false},
		{"a token that spans both is answer", plain, "abc", "xef", []int64{bos, ab, cx, ef, eos}, []int64{none, none, cx, ef, eos}, false, false},
		{"no answer", plain, "abc", "", []int64{bos, ab, c, eos}, []int64{none, none, none, eos}, false, false},
		{"no prompt", plain, "", "ab", []int64{bos, ab, eos}, []int64{none, ab, eos}, false, false},
		{"nothing", plain, "", "", []int64{bos, eos}, []int64{none, eos}, false, false},
		{"whole text", with(func(h *data.Tokenizing) { h.OnlyPredictAnswer = false }), "ab", "cd", []int64{bos, ab, cd, eos}, []int64{bos, ab, cd, eos}, false, false},
		{"no special tokens", with(func(h *data.Tokenizing) { h.AddSpecialTokens = false }), "ab", "cd", []int64{ab, cd}, []int64{none, cd}, false, false},
		{"a tokenizer without BOS", with(func(h *data.Tokenizing) { h.BOS = -1 }), "ab", "cd", []int64{ab, cd, eos}, []int64{none, cd, eos}, false, false},
		{"a tokenizer without EOS", with(func(h *data.Tokenizing) { h.EOS = -1 }), "ab", "cd", []int64{bos, ab, cd}, []int64{none, none, cd}, false, false},
		{"just fits", with(func(h *data.Tokenizing) { h.MaxLength = 4 }), "ab", "cd", []int64{bos, ab, cd, eos}, []int64{none, none, cd, eos}, false, false},
		{"loses BOS", with(func(h *data.Tokenizing) { h.MaxLength = 3 }), "ab", "cd", []int64{ab, cd, eos}, []int64{none, cd, eos}, true, false},
		{"loses its prompt", with(func(h *data.Tokenizing) { h.MaxLength = 2 }), "ab", "cd", []int64{cd, eos}, []int64{cd, eos}, true, false},
		{"loses of its answer", with(func(h *data.Tokenizing) { h.MaxLength = 2 }), "ab", "cdef", []int64{ef, eos}, []int64{ef, eos}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := data.Tokenize([]data.Formatted{example(sdk.Candidate{Prompt: test.prompt, Answer: test.answer})}, pairs{new([]string)}, test.how)
			require.NoError(t, err)
			require.Equal(t, data.Sequence{IDs: append([]int64{}, test.ids...), Labels: test.labels, Truncated: test.truncated, AnswerCut: test.answerCut}, got[0].Sequences[0])
		})
	}
}

func TestTokenizeAsksForEachTextOnce(t *testing.T) {
	var asked []string
	candidate := func(answer string) sdk.Candidate {
		return sdk.Candidate{Prompt: "abcd", Answer: answer, Columns: map[string]float64{"score": float64(len(answer))}}
	}
	e := example(candidate("x"), candidate("yz"), candidate("x"))
	e.Columns = map[string]float64{"weight": 2}
	got, err := data.Tokenize([]data.Formatted{e, e}, pairs{&asked}, data.Tokenizing{MaxLength: 2, BOS: -1, EOS: -1})
	require.NoError(t, err)
	require.Equal(t, []string{"abcd", "abcdx", "abcdyz"}, asked)
	survey := data.TakeSurvey(got, false, data.Limits{})
	require.Equal(t, 6, survey.Sequences)
	require.Equal(t, 6, survey.Truncated)
	require.Equal(t, map[string][]float64{"score": {1, 2, 1}}, got[1].Columns)
	require.Equal(t, map[string]float64{"weight": 2}, got[1].ExampleColumns)
	require.Equal(t, e.Source, got[1].Source)
}

type broken struct{}

func (broken) EncodeBatch([]string, bool) ([][]int32, error) {
	return nil, errors.New("text 0: out of memory")
}

func TestTokenizeErrors(t *testing.T) {
	_, err := data.Tokenize([]data.Formatted{example()}, broken{}, data.Tokenizing{MaxLength: 1})
	require.EqualError(t, err, "a.jsonl:1 to a.jsonl:1: text 0: out of memory")
	_, err = data.Tokenize(nil, broken{}, data.Tokenizing{})
	require.EqualError(t, err, "max_length is 0; want at least 1")
}

// TestFromFileToBatch runs the whole path once: what was written is what the records say.
func TestFromFileToBatch(t *testing.T) {
	long := strings.Repeat("ab", 20)
	files := write(t, "a.jsonl", `{"q":"`+long+`x","marks":[0.5]}`+"\n"+`{"q":"ab","marks":[1]}`)
	examples, err := data.Format(context.Background(), files, inProcess("qa", qa{}), data.FailOnBadRow)
	require.NoError(t, err)
	tokenised, err := data.Tokenize(examples.All, pairs{new([]string)}, data.Tokenizing{MaxLength: 8, AddSpecialTokens: true, BOS: 1, EOS: 2})
	require.NoError(t, err)
	b := data.Pack(tokenised, true)
	ab := pair("ab")
	require.Equal(t, []int64{ab, ab, ab, ab, ab, ab, pair("x"), 2, 1, ab, 2}, b.IDs)
	require.Equal(t, map[string][]float32{"mark": {0.5, 1}}, b.Columns)
	require.True(t, tokenised[0].Sequences[0].Truncated)
}
