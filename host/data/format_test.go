package data_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/preference"
	"llmhost/builtin/promptanswer"
	"llmhost/host/data"
	"llmhost/sdk"
)

func TestFormatCountsDrops(t *testing.T) {
	files := write(t, "a.jsonl", "{\"q\":\"a\"}\n{\"q\":\"drop\"}\n{\"q\":\"b\"}\n{\"q\":\"drop\"}\n")
	got, err := data.Format(context.Background(), files, inProcess("qa", qa{}), data.FailOnBadRow)
	require.NoError(t, err)
	require.Equal(t, 4, got.Records)
	require.Len(t, got.All, 2)
	require.Equal(t, []data.Drop{{Reason: "asked to", Count: 2, First: data.Position{File: "a.jsonl", Line: 2}}}, got.Drops)
}

func TestFormatBadRows(t *testing.T) {
	const lines = "{\"q\":\"a\"}\n{\"q\":3}\n{\"q\":\n{\"q\":\"b\"}\n"
	_, err := data.Format(context.Background(), write(t, "a.jsonl", lines), inProcess("qa", qa{}), data.FailOnBadRow)
	require.EqualError(t, err, `a.jsonl:2: field "q" is 3; want a string`)

	got, err := data.Format(context.Background(), write(t, "a.jsonl", lines), inProcess("qa", qa{}), data.SkipBadRow)
	require.NoError(t, err)
	require.Len(t, got.All, 2)
	require.Len(t, got.Bad, 2)
	require.EqualError(t, got.Bad[1], "a.jsonl:3:6: found the end of the record; want a value")

	_, err = data.Format(context.Background(), write(t, "a.jsonl", "{\"q\":\"drop\"}\n{}\n"), inProcess("qa", qa{}), data.SkipBadRow)
	require.EqualError(t, err, `a.jsonl: none of 2 records is left: 1 dropped (asked to), 1 bad, the first of them a.jsonl:2: field "q" missing; qa needs it as a string; the record has no field`)
}

func TestFormatInPortions(t *testing.T) {
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, "{\"q\":\"%d\"}\n", i)
	}
	var batches []int
	formatter := inProcess("qa", qa{})
	format := formatter.Format
	formatter.Format = func(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error) {
		batches = append(batches, len(rows))
		return format(ctx, rows)
	}
	got, err := data.Format(context.Background(), write(t, "a.jsonl", lines.String()), formatter, data.FailOnBadRow)
	require.NoError(t, err)
	require.Equal(t, []int{512, 488}, batches)
	for i, e := range got.All {
		require.Equal(t, fmt.Sprint(i), e.Candidates[0].Prompt)
		require.Equal(t, i+1, e.Source.Line)
	}

	formatter.Format = func(context.Context, []sdk.Row) ([]sdk.Result, error) { return nil, errors.New("plugin died") }
	_, err = data.Format(context.Background(), write(t, "a.jsonl", lines.String()), formatter, data.FailOnBadRow)
	require.EqualError(t, err, "a.jsonl:1 to a.jsonl:512: formatter qa: plugin died")
	formatter.Format = func(context.Context, []sdk.Row) ([]sdk.Result, error) { return nil, nil }
	_, err = data.Format(context.Background(), write(t, "a.jsonl", lines.String()), formatter, data.FailOnBadRow)
	require.EqualError(t, err, "a.jsonl:1 to a.jsonl:512: formatter qa: 0 results for 512 rows")
}

func TestFormatWantsTheSameColumns(t *testing.T) {
	_, err := data.Format(context.Background(), write(t, "a.jsonl", "{\"q\":\"a\",\"marks\":[1]}\n{\"q\":\"b\"}\n"), inProcess("qa", qa{}), data.FailOnBadRow)
	require.EqualError(t, err, `a.jsonl:2: the candidates have the columns []; those of a.jsonl:1 have ["mark"]`)
}

// TestShippedFormatters checks the errors for bad records of the two shipped kinds.
func TestShippedFormatters(t *testing.T) {
	rank := inProcess("preference", preference.Default())
	tune := inProcess("promptanswer", promptanswer.Default())
	for _, c := range []struct {
		name      string
		formatter data.Formatter
		record    string
		sentence  string
	}{
		{"scores and texts", rank, `{"texts":["Q<sep>a","Q<sep>b"],"scores":[1]}`, `a.jsonl:1: field "texts" has 2 texts, field "scores" 1 scores; want one score a text`},
		{"NaN score", rank, `{"texts":["Q<sep>a","Q<sep>b"],"scores":[1,NaN]}`, `a.jsonl:1: field "scores"[1] is NaN; want a finite number`},
		{"both names", rank, `{"texts":["Q<sep>a"],"scores":[1],"score":[1]}`, `a.jsonl:1: fields "scores" and "score" both present; want one of them, or preference_data_score_name to say which`},
		{"no text field", rank, `{"prompt":"Q","answer":"a"}`, `a.jsonl:1: field "texts" missing, and so is "text"; preference_data_text_name names another`},
		{"no answer", tune, `{"prompt":"Q"}`, `a.jsonl:1: field "answer" missing; promptanswer needs it as a string; the record has "prompt"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := data.Format(context.Background(), write(t, "a.jsonl", c.record), c.formatter, data.FailOnBadRow)
			require.EqualError(t, err, c.sentence)
		})
	}
}
