package conformance_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// realModel is a reference.json: what transformers gives for a trained model.
// Only the texts and their ids are in every one.
type realModel struct {
	Tolerance    string             // begins with a number, absolute
	Text         string             // with its ids, a BOS in front where the model wants one
	TextIDs      []int64            `json:"text_ids"`
	MeanNLL      float64            `json:"text_mean_nll"`
	Perplexity   float64            `json:"text_ppl"`
	TokenLogps   []float64          `json:"text_token_logprobs"`
	PromptIDs    []int64            `json:"prompt_ids"`
	LastLogits   []float64          `json:"prompt_last_logits"`
	GreedyIDs    []int64            `json:"greedy_from_bos_ids"`
	GreedyText   string             `json:"greedy_from_bos_text"`
	GradientNorm map[string]float64 `json:"text_grad_norms"`
}

// TestRealModels holds trained models against numbers of transformers: every
// folder of $LLMHOST_MODELS (default: shared/models beside the repository)
// that has weights and a reference.json.
func TestRealModels(t *testing.T) {
	root := os.Getenv("LLMHOST_MODELS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "models")
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Skipf("no models at %s; set LLMHOST_MODELS to their folder", root)
	}
	for _, e := range entries {
		folder := filepath.Join(root, e.Name())
		t.Run(e.Name(), func(t *testing.T) {
			for _, needed := range []string{"reference.json", "model.safetensors", "config.json"} {
				if _, err := os.Stat(filepath.Join(folder, needed)); err != nil {
					t.Skipf("this folder has no %s", needed)
				}
			}
			if why := skipModelAt(folder); why != "" {
				t.Skip(why)
			}
			read[realModel](t, fixtures{root}, e.Name(), "reference").check(t, folder)
		})
	}
}

func (r realModel) check(t *testing.T, folder string) {
	var tolerance float64
	_, err := fmt.Sscanf(r.Tolerance, "%g", &tolerance)
	require.NoError(t, err, r.Tolerance)
	m := load(t, folder, cpu)
	t.Run("tokenizer", func(t *testing.T) { r.tokens(t, folder) })
	t.Run("logps", func(t *testing.T) {
		logits := logitsOf(m, r.TextIDs)
		total := 0.0
		for i, want := range r.TokenLogps {
			got := logits[i][r.TextIDs[i+1]] - logSumExp(logits[i])
			require.InDelta(t, want, got, tolerance, "token %d", i+1)
			total -= got
		}
		mean := total / float64(len(r.TokenLogps))
		require.InDelta(t, r.MeanNLL, mean, tolerance)
		require.InEpsilon(t, r.Perplexity, math.Exp(mean), tolerance)
	})
	t.Run("prompt", func(t *testing.T) {
		if r.PromptIDs == nil {
			t.Skip("the reference has no prompt")
		}
		logits := logitsOf(m, r.PromptIDs)
		require.InDeltaSlice(t, r.LastLogits, logits[len(logits)-1], tolerance)
	})
	t.Run("greedy", func(t *testing.T) {
		if r.GreedyIDs == nil {
			t.Skip("the reference has no greedy text")
		}
		for i, logits := range logitsOf(m, r.GreedyIDs[:len(r.GreedyIDs)-1]) {
			require.Equal(t, r.GreedyIDs[i+1], argmax(logits), "token %d", i+1)
		}
	})
	t.Run("gradients", func(t *testing.T) {
		if r.GradientNorm == nil {
			t.Skip("the reference has no gradients")
		}
		row := data.Sequence{IDs: r.TextIDs, Labels: r.TextIDs}
		got := measure(t, m, train.NewObjective(trace(t, plugin.Loss, "sft", nil), tensor.CPU, tensor.Float32), train.Options{}, []data.Group{{Rows: []data.Sequence{row}}})
		require.InDelta(t, r.MeanNLL, got.loss, tolerance)
		for name, want := range r.GradientNorm {
			require.InDelta(t, want, norm(got.gradients[name]), tolerance, name)
		}
	})
}

// tokens holds the tokenizer to the ids of both texts.
func (r realModel) tokens(t *testing.T, folder string) {
	tok, err := tokenizer.Load(folder)
	require.NoError(t, err)
	defer tok.Close()
	ids, err := tok.Encode(r.Text, false)
	require.NoError(t, err)
	want := r.TextIDs
	if len(want) > len(ids) {
		require.EqualValues(t, tok.Special().BOS, want[0])
		want = want[1:]
	}
	require.Equal(t, convert[int32](want), ids)
	if r.GreedyIDs != nil {
		text, err := tok.Decode(convert[int32](r.GreedyIDs), true)
		require.NoError(t, err)
		require.Equal(t, r.GreedyText, text)
	}
}

// logitsOf runs one row through a model: [tokens][vocab].
func logitsOf(m *model.Folder, ids []int64) [][]float64 {
	var rows [][]float64
	b := data.Pack([]data.Group{{Rows: []data.Sequence{{IDs: ids, Labels: ids}}}}, true)
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			logits := m.Head().Logits(m.Forward(train.NewPack(tensor.CPU, &b), nil))
			rows = array{logits.Floats(), logits.Shape()}.rows()
		})
	})
	return rows
}

func logSumExp(values []float64) float64 {
	top, total := values[argmax(values)], 0.0
	for _, v := range values {
		total += math.Exp(v - top)
	}
	return top + math.Log(total)
}

func argmax(values []float64) int64 {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return int64(best)
}
