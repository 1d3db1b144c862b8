package data_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/preference"
	"llmhost/builtin/promptanswer"
	"llmhost/host/data"
	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// sharedFolder returns the folder that the environment variable names, or the
// one of that name beside the repository, and skips the test where neither is.
func sharedFolder(t *testing.T, variable, name string) string {
	t.Helper()
	folder := os.Getenv(variable)
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", name)
	}
	folder, err := filepath.Abs(folder)
	require.NoError(t, err)
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("%s: no such folder; set %s", folder, variable)
	}
	return folder
}

// formatterCase is a case of fixtures/formatters: records, and the padded tensors to make of them.
type formatterCase struct {
	Name    string
	Options struct {
		Tokenizer         string
		OnlyPredictAnswer *bool `json:"only_predict_answer"`
		AddSpecialTokens  *bool `json:"add_special_tokens"`
	}
	Rows  json.RawMessage // an array of records, as a .json file is one
	Batch json.RawMessage // of other kinds the columns have other shapes
}

// paddedBatch is what a case wants. The tensors are of shape [B, T] or [B, K, T].
type paddedBatch struct {
	IDs     json.RawMessage `json:"input_ids"`
	Mask    json.RawMessage `json:"attention_mask"`
	Labels  json.RawMessage
	Scores  [][]float64
	Weights []float64
}

type formatterCases struct {
	Tokenizer string
	MaxLength int   `json:"max_length"`
	PadID     int64 `json:"pad_id"`
	Cases     []formatterCase
}

func TestFormatterFixtures(t *testing.T) {
	folder := sharedFolder(t, "LLMHOST_FIXTURES", "fixtures")
	text, err := os.ReadFile(filepath.Join(folder, "formatters", "formatters.json"))
	require.NoError(t, err)
	var all formatterCases
	require.NoError(t, json.Unmarshal(text, &all))
	for _, c := range all.Cases {
		formatter, known := formatterOf(c.Name)
		if !known {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if c.Options.Tokenizer == "" {
				c.Options.Tokenizer = all.Tokenizer
			}
			tokens, err := tokenizer.Load(filepath.Join(folder, c.Options.Tokenizer))
			require.NoError(t, err)
			defer tokens.Close()
			special := tokens.Special()
			groups := groupsOf(t, c, formatter, tokens, data.Tokenizing{
				MaxLength: all.MaxLength, BOS: special.BOS, EOS: special.EOS,
				OnlyPredictAnswer: c.Options.OnlyPredictAnswer == nil || *c.Options.OnlyPredictAnswer,
				AddSpecialTokens:  c.Options.AddSpecialTokens == nil || *c.Options.AddSpecialTokens,
			})
			var want paddedBatch
			require.NoError(t, json.Unmarshal(c.Batch, &want))
			comparePadded(t, want, groups, all.PadID)
			for _, share := range []bool{true, false} {
				batch := data.Pack(groups, share)
				compareColumns(t, want, batch)
				require.NoError(t, checkLayout(groups, batch))
			}
		})
	}
}

func formatterOf(name string) (data.Formatter, bool) {
	switch kind, _, _ := strings.Cut(name, "/"); kind {
	case "sft":
		f := promptanswer.Default()
		f.KeepEmpty = true
		return data.InProcess("promptanswer", f), true
	case "rrhf":
		return data.InProcess("preference", preference.Default()), true
	}
	return data.Formatter{}, false
}

func groupsOf(t *testing.T, c formatterCase, formatter data.Formatter, tokens data.Tokenizer, how data.Tokenizing) []data.Group {
	path := filepath.Join(t.TempDir(), "rows.json")
	require.NoError(t, os.WriteFile(path, c.Rows, 0o666))
	examples, err := data.Load(context.Background(), data.Files{Paths: []string{path}}, formatter, data.FailOnBadRow)
	require.NoError(t, err)
	tokenized, err := data.Tokenize(examples.All, tokens, how)
	require.NoError(t, err)
	return tokenized.Groups
}

// comparePadded holds the padded view of groups against the fixture's tensors.
// A candidate that only fills up a group has no tokens here, where the
// fixture writes BOS and EOS; nothing is learned from it in either.
func comparePadded(t *testing.T, want paddedBatch, groups []data.Group, pad int64) {
	got := data.Pad(groups, pad)
	ids, mask, labels := tensorRows(t, want.IDs), tensorRows(t, want.Mask), tensorRows(t, want.Labels)
	require.Len(t, ids, len(got.IDs))
	k := len(got.IDs) / len(groups)
	for r := range ids {
		if r%k < len(groups[r/k].Rows) {
			require.Equal(t, ids[r], got.IDs[r], "ids of row %d", r)
			require.Equal(t, mask[r], got.Mask[r], "mask of row %d", r)
		}
		require.Equal(t, labels[r], got.Labels[r], "labels of row %d", r)
	}
}

// tensorRows reads a tensor of shape [B, T] or [B, K, T] as its rows.
func tensorRows(t *testing.T, tensor json.RawMessage) [][]int64 {
	var flat [][]int64
	if json.Unmarshal(tensor, &flat) == nil {
		return flat
	}
	flat = nil
	var nested [][][]int64
	require.NoError(t, json.Unmarshal(tensor, &nested))
	for _, group := range nested {
		flat = append(flat, group...)
	}
	return flat
}

func compareColumns(t *testing.T, want paddedBatch, b data.Batch) {
	for g, scores := range want.Scores {
		for k, score := range scores {
			if r := g*b.K + k; b.Real[r] {
				require.Equal(t, float32(score), b.Columns["score"][r])
			} else {
				require.Equal(t, -100.0, score, "the fixture marks a filled up candidate by its score")
				require.Zero(t, b.Columns["score"][r])
			}
		}
	}
	for g, weight := range want.Weights {
		require.Equal(t, float32(weight), b.Example["weight"][g])
	}
}

// TestRealData runs records, examples, tokens and batches of every data file
// that is there, and says what came of each.
func TestRealData(t *testing.T) {
	folder := sharedFolder(t, "LLMHOST_DATA", "data")
	tokens, err := tokenizer.Load(filepath.Join(sharedFolder(t, "LLMHOST_MODELS", "models"), "stories260k"))
	require.NoError(t, err)
	defer tokens.Close()
	for kind, formatter := range map[string]sdk.Formatter{"preference": preference.Default(), "sft": promptanswer.Default()} {
		files, err := filepath.Glob(filepath.Join(folder, kind, "*.jsonl"))
		require.NoError(t, err)
		for _, file := range files {
			t.Run(kind+"/"+filepath.Base(file), func(t *testing.T) {
				examples, err := data.Load(context.Background(), data.Files{Paths: []string{file}}, data.InProcess(kind, formatter), data.FailOnBadRow)
				require.NoError(t, err)
				got, err := data.Tokenize(examples.All, tokens, data.Tokenizing{
					MaxLength: 512, OnlyPredictAnswer: true, AddSpecialTokens: true, BOS: tokens.Special().BOS, EOS: tokens.Special().EOS,
				})
				require.NoError(t, err)
				packed, cut := 0, got.Groups
				for ; len(cut) > 0; cut = cut[min(8, len(cut)):] {
					batch := data.Pack(cut[:min(8, len(cut))], true)
					require.NoError(t, checkLayout(cut[:min(8, len(cut))], batch))
					packed += len(batch.IDs)
				}
				t.Logf("%d records, drops %v, %d rows of %d tokens, %d cut (%d of their answer), %d tokens packed, %.0f%% saved by sharing",
					examples.Records, examples.Drops, got.Rows, got.Tokens, got.Truncated, got.AnswersCut, packed, 100-100*float64(packed)/float64(got.Tokens))
			})
		}
	}
}
