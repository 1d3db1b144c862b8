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
// are odd: "abc" is ab, c. It keeps its texts where they are asked for, of one call at a
// time.
type pairs struct{ texts *[]string }

func (p pairs) EncodeBatch(texts []string, special bool) ([][]int32, error) {
	if special {
		return nil, errors.New("want no special tokens")
	}
	if p.texts != nil {
		*p.texts = append(*p.texts, texts...)
	}
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
	plain := data.Tokenizing{MaxLength: 100, OnlyPredictAnswer: true, Before: []int32{bos}, After: []int32{eos}}
	with := func(change func(*data.Tokenizing)) data.Tokenizing {
		how := plain
		change(&how)
		return how
	}
	right := func(length int) data.Tokenizing {
		return with(func(h *data.Tokenizing) { h.MaxLength, h.TruncationSide = length, data.Right })
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
		{"no special tokens", with(func(h *data.Tokenizing) { h.Before, h.After = nil, nil }), "ab", "cd", []int64{ab, cd}, []int64{none, cd}, false, false},
		{"a tokenizer without BOS", with(func(h *data.Tokenizing) { h.Before = nil }), "ab", "cd", []int64{ab, cd, eos}, []int64{none, cd, eos}, false, false},
		{"a tokenizer without EOS", with(func(h *data.Tokenizing) { h.After = nil }), "ab", "cd", []int64{bos, ab, cd}, []int64{none, none, cd}, false, false},
		{"just fits", with(func(h *data.Tokenizing) { h.MaxLength = 4 }), "ab", "cd", []int64{bos, ab, cd, eos}, []int64{none, none, cd, eos}, false, false},
		{"loses BOS", with(func(h *data.Tokenizing) { h.MaxLength = 3 }), "ab", "cd", []int64{ab, cd, eos}, []int64{none, cd, eos}, true, false},
		{"loses its prompt", with(func(h *data.Tokenizing) { h.MaxLength = 2 }), "ab", "cd", []int64{cd, eos}, []int64{cd, eos}, true, false},
		{"loses of its answer", with(func(h *data.Tokenizing) { h.MaxLength = 2 }), "ab", "cdef", []int64{ef, eos}, []int64{ef, eos}, true, true},
		{"cut on the right, loses EOS", right(4), "ab", "cdef", []int64{bos, ab, cd, ef}, []int64{none, none, cd, ef}, true, true},
		{"cut on the right, just fits", right(4), "ab", "cd", []int64{bos, ab, cd, eos}, []int64{none, none, cd, eos}, false, false},
		{"cut on the right, no prompt", right(2), "", "abcd", []int64{bos, ab}, []int64{none, ab}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := data.Tokenize([]data.Formatted{example(sdk.Candidate{Prompt: test.prompt, Answer: test.answer})}, pairs{new([]string)}, test.how)
			require.NoError(t, err)
			require.Equal(t, data.Sequence{IDs: append([]int64{}, test.ids...), Labels: test.labels, Truncated: test.truncated, AnswerCut: test.answerCut}, got[0].Sequences[0])
		})
	}
}

// What a text spells out already is not put around it again, and is counted.
func TestSpecialTokensInTexts(t *testing.T) {
	bos, eos, stop := pair("<s"), pair("</"), pair("##")
	ab, cd := pair("ab"), pair("cd")
	how := data.Tokenizing{
		MaxLength: 100, OnlyPredictAnswer: true, Before: []int32{int32(bos)}, After: []int32{int32(eos)},
		IsControl: func(id int32) bool { return id == int32(bos) || id == int32(eos) || id == int32(stop) },
	}
	const none = data.Ignore
	for _, c := range []struct {
		name           string
		prompt, answer string
		ids, labels    []int64
		marks          data.Marks
	}{
		{"none", "ab", "cd", []int64{bos, ab, cd, eos}, []int64{none, none, cd, eos}, data.Marks{}},
		{"both", "<sab", "cd</", []int64{bos, ab, cd, eos}, []int64{none, none, cd, eos}, data.Marks{Begins: true, Ends: true}},
		{"BOS in an answer by itself", "", "<sab", []int64{bos, ab, eos}, []int64{none, ab, eos}, data.Marks{Begins: true}},
		{"EOS ends the prompt of an empty answer", "ab</", "", []int64{bos, ab, eos, eos}, []int64{none, none, none, eos}, data.Marks{Control: []int64{eos}}},
		{"EOS is the answer", "ab", "</", []int64{bos, ab, eos}, []int64{none, none, eos}, data.Marks{Ends: true}},
		{"in the middle", "ab##", "##</cd", []int64{bos, ab, stop, stop, eos, cd, eos}, []int64{none, none, none, stop, eos, cd, eos}, data.Marks{Control: []int64{stop, eos}}},
		{"twice in front", "<s<sab", "cd", []int64{bos, bos, ab, cd, eos}, []int64{none, none, none, cd, eos}, data.Marks{Begins: true, Control: []int64{bos}}},
		{"BOS alone", "", "<s", []int64{bos, eos}, []int64{none, eos}, data.Marks{Begins: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := data.Tokenize([]data.Formatted{example(sdk.Candidate{Prompt: c.prompt, Answer: c.answer})}, pairs{new([]string)}, how)
			require.NoError(t, err)
			require.Equal(t, data.Sequence{IDs: c.ids, Labels: c.labels, Text: c.marks}, got[0].Sequences[0])
		})
	}
	how.After = how.Before
	got, err := data.Tokenize([]data.Formatted{example(sdk.Candidate{Answer: "<s"})}, pairs{new([]string)}, how)
	require.NoError(t, err)
	require.Equal(t, []int64{bos, bos}, got[0].Sequences[0].IDs, "one token for both ends stands for one of them")
}

// Examples of which truncation leaves nothing to learn are left out and counted.
func TestTruncationDrops(t *testing.T) {
	files := write(t, "a.jsonl", `{"q":"abcdefgh"}
{"q":"ab"}
{"q":"abcd"}
`)
	ask := func(how data.Tokenizing) (data.Set, error) {
		how.OnlyPredictAnswer, how.Before, how.After = true, []int32{1}, []int32{2}
		return data.Load(context.Background(), files, data.Options{
			Formatter: inProcess("qa", qa{}), OnBadRow: data.FailOnBadRow, Tokenizer: pairs{new([]string)}, Tokenizing: how,
		})
	}
	for _, c := range []struct {
		name  string
		how   data.Tokenizing
		kept  int
		drops []data.Drop
	}{
		{"nothing is cut", data.Tokenizing{MaxLength: 9, WantsLabels: true, DropTruncatedAnswers: true}, 3, nil},
		{"a prompt takes all", data.Tokenizing{MaxLength: 5, TruncationSide: data.Right, WantsLabels: true}, 2, []data.Drop{
			{Reason: "max_length 5 leaves nothing of an answer to predict", Count: 1, First: data.Position{File: "a.jsonl", Line: 1}}}},
		{"which a loss without labels does not mind", data.Tokenizing{MaxLength: 5, TruncationSide: data.Right}, 3, nil},
		{"the left leaves the answer", data.Tokenizing{MaxLength: 3, WantsLabels: true, DropTruncatedAnswers: true}, 3, nil},
		{"answers that would be cut", data.Tokenizing{MaxLength: 3, TruncationSide: data.Right, DropTruncatedAnswers: true}, 1, []data.Drop{
			{Reason: "max_length 3 would cut an answer", Count: 2, First: data.Position{File: "a.jsonl", Line: 1}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := ask(c.how)
			require.NoError(t, err)
			require.Equal(t, c.kept, set.Examples.Len())
			require.Equal(t, c.drops, set.Survey.Drops)
			require.Equal(t, 3, set.Survey.Records)
		})
	}
	_, err := ask(data.Tokenizing{MaxLength: 2, TruncationSide: data.Right, WantsLabels: true})
	require.EqualError(t, err, "a.jsonl: none of 3 records is left: 3 dropped (max_length 2 leaves nothing of an answer to predict)")
	_, err = ask(data.Tokenizing{MaxLength: 1, WantsLabels: true})
	require.EqualError(t, err, "max_length is 1; want at least 2, since what is put after each text takes 1")
	_, err = ask(data.Tokenizing{MaxLength: 1, TruncationSide: data.Right})
	require.EqualError(t, err, "max_length is 1; want at least 2, since what is put before each text takes 1")
}

func TestTokenizeAsksForEachTextOnce(t *testing.T) {
	var asked []string
	candidate := func(answer string) sdk.Candidate {
		return sdk.Candidate{Prompt: "abcd", Answer: answer, Columns: map[string]float64{"score": float64(len(answer))}}
	}
	e := example(candidate("x"), candidate("yz"), candidate("x"))
	e.Columns = map[string]float64{"weight": 2}
	got, err := data.Tokenize([]data.Formatted{e, e}, pairs{&asked}, data.Tokenizing{MaxLength: 2})
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
	require.EqualError(t, err, "a.jsonl:1: text 0: out of memory")
	_, err = data.Tokenize(nil, broken{}, data.Tokenizing{})
	require.EqualError(t, err, "max_length is 0; want at least 1")
	chat := sdk.Candidate{Chat: &sdk.Chat{Answer: []sdk.Message{sdk.NewMessage("user", "Hi")}}}
	_, err = data.Tokenize([]data.Formatted{example(chat)}, broken{}, data.Tokenizing{MaxLength: 1})
	require.EqualError(t, err, "a.jsonl:1: the formatter gives chat messages; want texts, since no chat template lays them out")
}

// TestFromFileToBatch runs the whole path once: what was written is what the records say.
func TestFromFileToBatch(t *testing.T) {
	long := strings.Repeat("ab", 20)
	files := write(t, "a.jsonl", `{"q":"`+long+`x","marks":[0.5]}`+"\n"+`{"q":"ab","marks":[1]}`)
	examples, err := data.Format(context.Background(), files, inProcess("qa", qa{}), data.FailOnBadRow)
	require.NoError(t, err)
	tokenised, err := data.Tokenize(examples.All, pairs{new([]string)}, data.Tokenizing{MaxLength: 8, Before: []int32{1}, After: []int32{2}})
	require.NoError(t, err)
	b := data.Pack(tokenised, true)
	ab := pair("ab")
	require.Equal(t, []int64{ab, ab, ab, ab, ab, ab, pair("x"), 2, 1, ab, 2}, b.IDs)
	require.Equal(t, map[string][]float32{"mark": {0.5, 1}}, b.Columns)
	require.True(t, tokenised[0].Sequences[0].Truncated)
}
