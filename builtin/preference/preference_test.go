package preference_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/preference"
	"llmhost/sdk"
)

// row makes a record with texts and scores under the first names of each.
func row(texts []string, scores ...float64) sdk.Row {
	return sdk.NewRow([]sdk.Cell{{Type: sdk.StringList, Strs: texts}, {}, {Type: sdk.FloatList, Floats: scores}, {}})
}

func splitBy(split string) preference.Formatter {
	f := preference.Default()
	f.Split = split
	return f
}

func Example() {
	r := row([]string{"Say hi.<sep>Hi!", "Say hi.<sep>No."}, 1, 0)
	e, err := sdk.FormatRow(preference.Default(), &r)
	for _, c := range e.Candidates {
		fmt.Printf("%q %q %v\n", c.Prompt, c.Answer, c.Columns["score"])
	}
	fmt.Println(err)
	// Output:
	// "Say hi." "Hi!" 1
	// "Say hi." "No." 0
	// <nil>
}

func TestSplit(t *testing.T) {
	const hh, headings = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: ", "## Human:\nwhy?\n\n## Assistant:\n"
	for _, c := range []struct {
		name, split string
		texts       []string
		want        []string // prompt|answer
	}{
		{"auto takes the separator", preference.Auto, []string{"Q<sep>a", "Q<sep> b"}, []string{"Q|a", "Q| b"}},
		{"auto takes the assistant where one text has no separator", preference.Auto, []string{hh + "x<sep>y", hh + "z"}, []string{hh + "|x<sep>y", hh + "|z"}},
		{"the first of two separators", preference.AtSeparator, []string{"Q<sep>a<sep>b"}, []string{"Q|a<sep>b"}},
		{"an empty prompt", preference.AtSeparator, []string{"<sep>a"}, []string{"|a"}},
		{"the last turn of a dialog", preference.AtAssistant, []string{hh + "x", hh + "y\nz"}, []string{hh + "|x", hh + "|y\nz"}},
		{"headings", preference.AtAssistant, []string{headings + "because", headings + " so it is"}, []string{headings + "|because", headings + "| so it is"}},
		{"dialogs that diverge early", preference.AtAssistant, []string{hh + "x", headings + "y"}, []string{hh + "|x", headings + "|y"}},
		{"assistant in the middle of a line is no mark", preference.AtAssistant, []string{hh + "Dear Assistant: x"}, []string{hh + "|Dear Assistant: x"}},
		{"common prefix goes back to the mark", preference.CommonPrefix, []string{hh + "I think", hh + "I know"}, []string{hh + "|I think", hh + "|I know"}},
		{"else to the line break", preference.CommonPrefix, []string{"Why so?\nIt is so", "Why so?\nIt was so"}, []string{"Why so?\n|It is so", "Why so?\n|It was so"}},
		{"else to the blank", preference.CommonPrefix, []string{"one two three", "one two thirds"}, []string{"one two |three", "one two |thirds"}},
		{"else to nothing", preference.CommonPrefix, []string{"three", "thirds"}, []string{"|three", "|thirds"}},
		{"a wide blank", preference.CommonPrefix, []string{"一　二三", "一　二四"}, []string{"一　|二三", "一　|二四"}},
		{"texts that share half a character", preference.CommonPrefix, []string{"a é", "a è"}, []string{"a |é", "a |è"}},
		{"a text that begins the other", preference.CommonPrefix, []string{"a b", "a b c"}, []string{"a |b", "a |b c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := row(c.texts, make([]float64, len(c.texts))...)
			e, err := sdk.FormatRow(splitBy(c.split), &r)
			require.NoError(t, err)
			var got []string
			for _, candidate := range e.Candidates {
				got = append(got, candidate.Prompt+"|"+candidate.Answer)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestDrops(t *testing.T) {
	for _, c := range []struct {
		name, split string
		texts       []string
		reason      string
	}{
		{"nothing after the separator", preference.Auto, []string{"Q<sep>a", "Q<sep>"}, "an empty answer"},
		{"blanks alone", preference.Auto, []string{"Q<sep> \n", "Q<sep>a"}, "an empty answer"},
		{"a dialog whose last turn is empty", preference.Auto, []string{"\n\nHuman: a\n\nAssistant: "}, "an empty answer"},
		{"and lost its last blank", preference.Auto, []string{"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:"}, "an empty answer"},
		{"equal texts", preference.CommonPrefix, []string{"a\n", "a\n"}, "an empty answer"},
		{"a single text", preference.CommonPrefix, []string{"a b"}, "a single text under prompt_split = common_prefix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := row(c.texts, make([]float64, len(c.texts))...)
			_, err := sdk.FormatRow(splitBy(c.split), &r)
			var dropped *sdk.Dropped
			require.ErrorAs(t, err, &dropped)
			require.Equal(t, c.reason, dropped.Reason)
		})
	}
}

func TestBadRows(t *testing.T) {
	strs := func(s ...string) sdk.Cell { return sdk.Cell{Type: sdk.StringList, Strs: s} }
	floats := func(f ...float64) sdk.Cell { return sdk.Cell{Type: sdk.FloatList, Floats: f} }
	for _, c := range []struct {
		name, split string
		cells       []sdk.Cell
		sentence    string
	}{
		{"lengths differ", "auto", []sdk.Cell{strs("a", "b"), {}, floats(1), {}}, `field "texts" has 2 texts, field "scores" 1 scores; want one score a text`},
		{"no text", "auto", []sdk.Cell{{}, strs(), {}, floats()}, `field "text" is an empty list; want at least one text`},
		{"both names", "auto", []sdk.Cell{strs("a"), strs("a"), floats(1), {}}, `fields "texts" and "text" both present; want one of them, or preference_data_text_name to say which`},
		{"neither name", "auto", []sdk.Cell{strs("a"), {}, {}, {}}, `field "scores" missing, and so is "score"; preference_data_score_name names another`},
		{"no mark of any kind", "auto", []sdk.Cell{strs("Q<sep>a", "Q a"), {}, floats(1, 0), {}},
			`text 0 ("Q<sep>a"): no "<sep>" in all of them and no assistant mark ("\n\nAssistant: ", "## Assistant:\n") in this one; set prompt_split to sep, assistant or common_prefix, and sep_token or assistant_marks to the marks of this data`},
		{"no separator", "sep", []sdk.Cell{strs("Q<sep>a", strings.Repeat("long ", 20)), {}, floats(1, 0), {}},
			`text 1 ("long long long long long long long long "…): no "<sep>" in it; prompt_split = sep needs that mark between prompt and answer`},
		{"no assistant", "assistant", []sdk.Cell{strs("Q"), {}, floats(1), {}},
			`text 0 ("Q"): no assistant mark in it; prompt_split = assistant looks for one of "\n\nAssistant: ", "## Assistant:\n"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sdk.NewRow(c.cells)
			_, err := sdk.FormatRow(splitBy(c.split), &r)
			require.EqualError(t, err, c.sentence)
		})
	}
}

func TestNamesAndMarks(t *testing.T) {
	f := preference.Default()
	f.TextName, f.ScoreName, f.Split = "answers", "ratings", preference.AtAssistant
	f.Assistants = `Bot\|:|<\\a>\t`
	require.NoError(t, f.Validate())
	require.Equal(t, []string{"answers", "ratings"}, []string{f.Columns()[0].Name, f.Columns()[1].Name})
	r := sdk.NewRow([]sdk.Cell{{Type: sdk.StringList, Strs: []string{"Q Bot|:a", "Q <\\a>\tb"}}, {Type: sdk.FloatList, Floats: []float64{2, -1}}})
	e, err := sdk.FormatRow(f, &r)
	require.NoError(t, err)
	require.Equal(t, []sdk.Candidate{
		{Prompt: "Q Bot|:", Answer: "a", Columns: map[string]float64{"score": 2}},
		{Prompt: "Q <\\a>\t", Answer: "b", Columns: map[string]float64{"score": -1}},
	}, e.Candidates)

	f.Assistants = "a||b"
	require.EqualError(t, f.Validate(), `assistant_marks "a||b" has an empty mark; want such as "## Assistant:\n", several separated by |`)
	f.Separator = ""
	require.EqualError(t, f.Validate(), "sep_token is empty; want the mark between prompt and answer, such as <sep>")
}

// FuzzFormat checks that a candidate is its text, minus at most the separator, and never half a character.
func FuzzFormat(f *testing.F) {
	for _, pair := range [][]string{{"Q<sep>a", "Q<sep>b"}, {"\n\nHuman: a\n\nAssistant: é", "\n\nHuman: a\n\nAssistant: è"}} {
		r := row(pair, 1, 0)
		_, err := sdk.FormatRow(splitBy(preference.Auto), &r)
		require.NoError(f, err, "a formatter that refuses everything would pass below")
	}
	f.Add("Q<sep>a", "Q<sep>b", uint8(0))
	f.Add("\n\nHuman: a\n\nAssistant: é", "\n\nHuman: a\n\nAssistant: è", uint8(3))
	f.Fuzz(func(t *testing.T, a, b string, split uint8) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		kinds := []string{preference.Auto, preference.AtSeparator, preference.AtAssistant, preference.CommonPrefix}
		r := row([]string{a, b}, 1, 0)
		e, err := sdk.FormatRow(splitBy(kinds[split%4]), &r)
		if err != nil {
			return
		}
		for i, text := range []string{a, b} {
			c := e.Candidates[i]
			require.Contains(t, []string{c.Prompt + c.Answer, c.Prompt + "<sep>" + c.Answer}, text)
			require.True(t, utf8.ValidString(c.Prompt) && utf8.ValidString(c.Answer))
		}
	})
}

// With -1 as padding the lowest score of a record is 0, and nothing else changes.
func TestPaddingScore(t *testing.T) {
	f := preference.Default()
	f.PaddingScore = preference.PadMoved
	require.NoError(t, f.Validate())
	r := row([]string{"a<sep>b", "a<sep>c", "a<sep>d"}, -0.5, 2, 0)
	e, err := sdk.FormatRow(f, &r)
	require.NoError(t, err)
	for i, want := range []float64{0, 2.5, 0.5} {
		require.Equal(t, want, e.Candidates[i].Columns["score"])
	}
	require.Equal(t, -0.5, r.Floats(2)[0], "the record stays as it is")
	f.PaddingScore = 3
	require.EqualError(t, f.Validate(), "padding_score is 3; want -100, or -1 to shift the lowest score of each record to 0")
}
