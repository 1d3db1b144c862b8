package data_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/sdk"
)

// judged reads a question and a class; "drop" is left out.
type judged struct{}

func (judged) Columns() []sdk.Column {
	return []sdk.Column{{Name: "q", Type: sdk.String, Required: true}, {Name: "class", Type: sdk.String}}
}

func (judged) Format(r *sdk.Row, o *sdk.Out) error {
	if r.Str(0) == "drop" {
		return o.Drop("asked to")
	}
	for i, answer := range []string{"x", "yz", "a longer one"} {
		o.Candidate(r.Str(0), answer).Set("score", float64(i))
	}
	o.Set("weight", 1)
	if r.Has(1) {
		o.Label("topic", r.Str(1))
	}
	return nil
}

const judgedLines = `{"q":"abcd","class":"10"}
{"q":"drop"}
{"q":"abcdef","class":"9"}
{"q":"ab"}
{"q":"cd","class":"10"}
`

// countingTokenizer counts its calls.
type countingTokenizer struct {
	pairs
	calls *int
}

func (c countingTokenizer) EncodeBatch(texts []string, special bool) ([][]int32, error) {
	*c.calls++
	return c.pairs.EncodeBatch(texts, special)
}

// judgedOptions load such lines, with surveys kept in folder.
func judgedOptions(folder string) data.Options {
	return data.Options{
		Formatter:   inProcess("judged", judged{}),
		Tokenizer:   pairs{},
		Tokenizing:  data.Tokenizing{MaxLength: 8, OnlyPredictAnswer: true, Before: []int32{1}, After: []int32{2}},
		SharePrefix: true,
		Cache:       data.Cache{Folder: folder, Key: []string{"judged", "pairs"}},
	}
}

func load(t *testing.T, files source.Files, o data.Options) data.Set {
	t.Helper()
	set, err := data.Load(context.Background(), files, o)
	require.NoError(t, err)
	return set
}

func TestSurvey(t *testing.T) {
	set := load(t, write(t, "a.jsonl", judgedLines), judgedOptions(""))
	at := func(line int) data.Position { return data.Position{File: "a.jsonl", Line: line} }
	require.Equal(t, data.Survey{
		Records: 5, Drops: []data.Drop{{Reason: "asked to", Count: 1, First: at(2)}},
		Examples: 4, Sequences: 12,
		// "abcd" has 5, 5 and 10 tokens with BOS and EOS, "abcdef" 6, 6 and 11, the others 4, 4 and 9; 8 are kept.
		Tokens: 5 + 5 + 8 + 6 + 6 + 8 + 2*(4+4+8),
		// The first two candidates of each share BOS and the prompt; the third lost its first tokens.
		PackedTokens: 7 + 8 + 8 + 8 + 2*(6+8),
		Truncated:    4, AnswersCut: 0,
		Labels: 4 * (2 + 2 + 7), MostCandidates: 3, MostLabels: 7, Longest: 8,
		Lengths: map[int]int{4: 4, 5: 2, 6: 2, 8: 4},
		Columns: []string{"score"}, ExampleColumns: []string{"weight"},
		Classes: map[string][]data.Class{"topic": {
			{Name: "10", Count: 2, First: at(1), Spellings: []data.Spelling{{Text: "10", First: at(1)}}},
			{Name: "9", Count: 1, First: at(3), Spellings: []data.Spelling{{Text: "9", First: at(3)}}},
		}},
	}, set.Survey)
	packed := data.Pack(collect(t, set), true)
	require.Len(t, packed.IDs, set.Survey.PackedTokens)
	require.Equal(t, [2]int{set.Survey.MostCandidates, set.Survey.MostLabels}, [2]int{packed.K, packed.T})
	require.Len(t, packed.Target, set.Survey.Labels)
	require.Equal(t, 5, set.Survey.Quantile(0.5))
	require.Equal(t, 8, set.Survey.Quantile(1))
	require.Len(t, set.Files, 1)
	require.Equal(t, "a.jsonl", set.Files[0].Path)
}

// A survey of any examples agrees with their batch.
func TestSurveyAgreesWithPack(t *testing.T) {
	for _, c := range packCases {
		for _, share := range []bool{true, false} {
			s, b := data.TakeSurvey(c.examples, share, data.Limits{}), data.Pack(c.examples, share)
			require.Equal(t, len(b.IDs), s.PackedTokens, c.name)
			require.Equal(t, b.Tokens, s.Tokens, c.name)
			require.Equal(t, len(b.Target), s.Labels, c.name)
			require.Equal(t, b.K, s.MostCandidates, c.name)
			require.Equal(t, b.T, max(1, s.MostLabels), c.name)
		}
	}
}

func TestSurveysJoin(t *testing.T) {
	files := write(t, "a.jsonl", judgedLines)
	require.NoError(t, os.WriteFile("b.jsonl", []byte("{\"q\":\"drop\"}\n{\"q\":\"abcdefgh\",\"class\":\"9\"}\n{\"q\":\"ab\",\"class\":\"new\"}\n"), 0o666))
	both := files
	both.Paths = []string{"a.jsonl", "b.jsonl"}
	whole := load(t, both, judgedOptions(""))
	files.Paths = both.Paths[:1]
	first := load(t, files, judgedOptions(""))
	files.Paths = both.Paths[1:]
	second := load(t, files, judgedOptions(""))
	kept := load(t, both, judgedOptions("")).Survey
	joined := data.Join(first, second)
	require.Equal(t, collect(t, whole), collect(t, joined))
	require.Equal(t, whole.Survey, joined.Survey)
	require.Equal(t, whole.Files, joined.Files)
	require.Equal(t, kept, whole.Survey, "joining changes neither")
}

func TestSurveyClasses(t *testing.T) {
	survey := load(t, write(t, "a.jsonl", judgedLines), judgedOptions("")).Survey
	require.Equal(t, []string{"topic"}, survey.Heads())
	require.Equal(t, []string{"9", "10"}, survey.ClassNames("topic"), "as numbers")
	require.Empty(t, survey.ClassNames("mood"))
	unseen, found := survey.Unseen("topic", []string{"10", "7"})
	require.True(t, found)
	at := data.Position{File: "a.jsonl", Line: 3}
	require.Equal(t, data.Class{Name: "9", Count: 1, First: at, Spellings: []data.Spelling{{Text: "9", First: at}}}, unseen)
	_, found = survey.Unseen("topic", []string{"10", "9.0"})
	require.False(t, found)
}

// A number is one class whatever its spelling, and a survey keeps the spellings.
func TestSurveyOfSpellings(t *testing.T) {
	at := func(line int) data.Position { return data.Position{File: "data.jsonl", Line: line} }
	of := func(line int, class string) data.Example {
		return data.Example{Source: at(line), Classes: map[string]string{"label": class}}
	}
	first := data.TakeSurvey([]data.Example{of(1, "0"), of(2, "0.0"), of(3, "0.0"), of(4, "up")}, false, data.Limits{})
	second := data.TakeSurvey([]data.Example{of(5, "-0"), of(6, "0.0"), of(7, "1.0")}, false, data.Limits{})
	require.Equal(t, []data.Class{
		{Name: "0", Count: 5, First: at(1), Spellings: []data.Spelling{{Text: "0", First: at(1)}, {Text: "0.0", First: at(2)}, {Text: "-0", First: at(5)}}},
		{Name: "up", Count: 1, First: at(4), Spellings: []data.Spelling{{Text: "up", First: at(4)}}},
		{Name: "1", Count: 1, First: at(7), Spellings: []data.Spelling{{Text: "1.0", First: at(7)}}},
	}, first.Join(second).Classes["label"])
	require.Len(t, first.Classes["label"][0].Spellings, 2, "joining changes neither")
}

// keptFile is the one survey of a cache.
func keptFile(t *testing.T, folder string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*.survey.json"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// The second run over the same data reads its survey from disk: a number that is
// changed there is returned.
func TestSurveyIsKept(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "surveys")
	files, options := write(t, "a.jsonl", judgedLines), judgedOptions(folder)
	taken := load(t, files, options)
	require.Equal(t, taken.Survey, load(t, files, options).Survey)

	path := keptFile(t, folder)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	changed := strings.Replace(string(text), `"packed_tokens":59`, `"packed_tokens":58`, 1)
	require.NotEqual(t, string(text), changed)
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o666))
	require.Equal(t, 58, load(t, files, options).Survey.PackedTokens)
}

// A file that is damaged, empty or of another survey is written again.
func TestDamagedSurveyIsTakenAgain(t *testing.T) {
	folder := t.TempDir()
	files, options := write(t, "a.jsonl", judgedLines), judgedOptions(folder)
	taken := load(t, files, options)
	path := keptFile(t, folder)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"empty":     "",
		"cut short": string(whole[:len(whole)/2]),
		"another's": strings.Replace(string(whole), filepath.Base(path)[:8], "00000000", 1),
		"no survey": `{"key":"` + strings.TrimSuffix(filepath.Base(path), ".survey.json") + `"}`,
		"no object": "[]",
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, string(whole), text)
			require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
			require.Equal(t, taken.Survey, load(t, files, options).Survey)
			again, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(whole), string(again))
		})
	}
}

// A change of anything that a survey depends on gives another one.
func TestSurveyDependsOn(t *testing.T) {
	for name, change := range map[string]func(*source.Files, *data.Options){
		"content": func(*source.Files, *data.Options) {
			_ = os.WriteFile("a.jsonl", []byte(judgedLines+`{"q":"ab"}`), 0o666)
		},
		"limit":          func(f *source.Files, _ *data.Options) { f.Limit = 2 },
		"another file":   func(f *source.Files, _ *data.Options) { f.Paths = append(slices.Clone(f.Paths), f.Paths...) },
		"formatter":      func(_ *source.Files, o *data.Options) { o.Cache.Key = []string{"judged 2", "pairs"} },
		"tokenizer":      func(_ *source.Files, o *data.Options) { o.Cache.Key = []string{"judged", "pairs 2"} },
		"length":         func(_ *source.Files, o *data.Options) { o.Tokenizing.MaxLength = 5 },
		"special tokens": func(_ *source.Files, o *data.Options) { o.Tokenizing.After = nil },
		"labels":         func(_ *source.Files, o *data.Options) { o.Tokenizing.OnlyPredictAnswer = false },
		"sharing":        func(_ *source.Files, o *data.Options) { o.SharePrefix = false },
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			files, options := write(t, "a.jsonl", judgedLines), judgedOptions(folder)
			load(t, files, options)
			first := keptFile(t, folder)
			change(&files, &options)
			got := load(t, files, options)
			kept, err := filepath.Glob(filepath.Join(folder, "*.survey.json"))
			require.NoError(t, err)
			require.Len(t, kept, 2)
			require.Contains(t, kept, first)
			options.Cache.Folder = ""
			bare := load(t, files, options)
			require.Equal(t, bare.Survey, got.Survey)
			require.Equal(t, collect(t, bare), collect(t, got))
		})
	}
}

// A cache that cannot be written is no error.
func TestSurveyWithoutACache(t *testing.T) {
	files := write(t, "a.jsonl", judgedLines)
	options := judgedOptions("a.jsonl")
	var notes []string
	options.Cache.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	require.Equal(t, load(t, files, judgedOptions("")), load(t, files, options))
	require.Equal(t, []string{"tokens are not kept for the next run: mkdir a.jsonl: not a directory"}, notes)
}

// Loading makes one pass: each row is formatted once, each text tokenised once.
func TestLoadMakesOnePass(t *testing.T) {
	files, options := write(t, "a.jsonl", judgedLines), judgedOptions("")
	rows, calls := 0, 0
	format := options.Formatter.Format
	options.Formatter.Format = func(ctx context.Context, batch []sdk.Row) ([]sdk.Result, error) {
		rows += len(batch)
		return format(ctx, batch)
	}
	var texts []string
	options.Tokenizer = countingTokenizer{pairs{&texts}, &calls}
	set := load(t, files, options)
	require.Equal(t, set.Survey.Records, rows)
	require.Equal(t, 1, calls)
	require.Equal(t, len(slices.Compact(slices.Sorted(slices.Values(texts)))), len(texts))
}

// A survey counts the sequences beyond each limit of a model and says where the
// first of them is, also after surveys are joined.
func TestSurveyFindsMisfits(t *testing.T) {
	at := func(line int) data.Position { return data.Position{File: "data.jsonl", Line: line} }
	of := func(line int, types []int64, ids ...int64) data.Example {
		return data.Example{Source: at(line), Sequences: []data.Sequence{{IDs: ids, Labels: ids, Types: types}}}
	}
	limits := data.Limits{Positions: 3, Types: 1, Vocab: 10}
	first := []data.Example{of(1, nil, 1, 2, 9), of(2, nil, 1, 2, 10), of(3, nil, 1, 2, 3, 4)}
	second := []data.Example{of(4, []int64{0, 0}, 1, 2), of(5, []int64{0, 1}, 11, 2), of(6, nil, 1, 2, 3, 4, 5)}
	got := data.TakeSurvey(first, false, limits).Join(data.TakeSurvey(second, false, limits))
	require.Equal(t, data.Misfits{Count: 2, First: at(3), Found: 4}, got.TooLong)
	require.Equal(t, data.Misfits{Count: 1, First: at(5), Found: 1}, got.OtherType)
	require.Equal(t, data.Misfits{Count: 2, First: at(2), Found: 10}, got.OtherID)

	free := data.TakeSurvey(append(first, second...), false, data.Limits{})
	require.Equal(t, []data.Misfits{{}, {}, {}}, []data.Misfits{free.TooLong, free.OtherType, free.OtherID})
}
