package conformance_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/plugin"
	"llmhost/host/tokenizer"

	"github.com/stretchr/testify/require"
)

// formatterFile is a file of cases: records, and the padded tensors to make of them.
type formatterFile struct {
	Tokenizer string
	MaxLength int   `json:"max_length"`
	PadID     int64 `json:"pad_id"`
	Cases     []formatterCase
}

type formatterCase struct {
	Name    string
	Options struct {
		Tokenizer         string
		OnlyPredictAnswer *bool `json:"only_predict_answer"`
		AddSpecialTokens  *bool `json:"add_special_tokens"`
	}
	Rows  json.RawMessage // an array of records, as a .json file is one
	Batch json.RawMessage // tensors by name; those of other tasks may be none
}

// formatters are the formatters of the tasks that are covered. The golden
// numbers keep a record whose answer is empty, which llmhost drops by default.
var formatters = map[string]struct {
	name   string
	params map[string]any
}{
	"sft":  {"promptanswer", map[string]any{"keep_empty_answers": true}},
	"rrhf": {"preference", nil},
}

func checkFormatters(t *testing.T, f fixtures, name string) {
	all := read[formatterFile](t, f, "formatters", name)
	for _, c := range all.Cases {
		t.Run(c.Name, func(t *testing.T) {
			task, _, _ := strings.Cut(c.Name, "/")
			formatter, known := formatters[task]
			if !known {
				t.Skip(noSuchTask)
			}
			if c.Options.Tokenizer == "" {
				c.Options.Tokenizer = all.Tokenizer
			}
			tok, err := tokenizer.Load(filepath.Join(f.root, c.Options.Tokenizer))
			require.NoError(t, err)
			defer tok.Close()
			examples := format(t, c.Rows, component(t, plugin.Formatter, formatter.name), formatter.params)
			special := tok.Special()
			got, err := data.Tokenize(examples, tok, data.Tokenizing{
				MaxLength: all.MaxLength, BOS: special.BOS, EOS: special.EOS,
				OnlyPredictAnswer: orTrue(c.Options.OnlyPredictAnswer), AddSpecialTokens: orTrue(c.Options.AddSpecialTokens),
			})
			require.NoError(t, err)
			var want map[string]array
			require.NoError(t, json.Unmarshal(c.Batch, &want))
			requirePadded(t, want, got.Groups, all.PadID)
			requireColumns(t, want, data.Pack(got.Groups, true))
		})
	}
}

func orTrue(b *bool) bool { return b == nil || *b }

// format runs a formatter over records.
func format(t *testing.T, rows []byte, c *plugin.Component, params map[string]any) []data.Example {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.json")
	require.NoError(t, os.WriteFile(path, rows, 0o666))
	f, err := c.Formatter(context.Background(), settle(t, c, params))
	require.NoError(t, err)
	examples, err := data.Load(context.Background(), data.Files{Paths: []string{path}}, data.Formatter{Name: c.Name, Columns: f.Columns, Format: f.Format}, data.FailOnBadRow)
	require.NoError(t, err)
	return examples.All
}

// requirePadded compares the padded view of groups. A candidate that only
// fills up a group has no tokens here, where the golden numbers have BOS and
// EOS; nothing is learned from it in either.
func requirePadded(t *testing.T, want map[string]array, groups []data.Group, pad int64) {
	t.Helper()
	got := data.Pad(groups, pad)
	ids, mask, labels := want["input_ids"].ints(), want["attention_mask"].ints(), want["labels"].ints()
	require.Len(t, got.IDs, len(ids))
	k := len(ids) / len(groups)
	for r := range ids {
		if r%k < len(groups[r/k].Rows) {
			require.Equal(t, ids[r], got.IDs[r], "ids of row %d", r)
			require.Equal(t, mask[r], got.Mask[r], "mask of row %d", r)
		}
		require.Equal(t, labels[r], got.Labels[r], "labels of row %d", r)
	}
}

// requireColumns compares what a batch holds besides tokens.
func requireColumns(t *testing.T, want map[string]array, b data.Batch) {
	t.Helper()
	for r, score := range want["scores"].values {
		require.Equal(t, score != padScore, b.Real[r], "row %d", r)
		if b.Real[r] {
			require.Equal(t, float32(score), b.Columns["score"][r], "score of row %d", r)
		}
	}
	for g, weight := range want["weights"].values {
		require.Equal(t, float32(weight), b.Example["weight"][g], "weight of example %d", g)
	}
}
