package conformance_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"llmhost/host/chat"
	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
	"llmhost/host/train"
	"llmhost/sdk"

	"github.com/stretchr/testify/require"
)

// realModel is a reference.json: what transformers gives for a trained model. That
// of an encoder has sentences, any other one a text and its ids at least.
type realModel struct {
	Tolerance    string // begins with a number, absolute
	Sentences    []sentence
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
	// Conversations are what the model's chat template makes of them.
	Conversations []conversation
	Chats         []struct {
		Prompt string
		IDs    []int64 `json:"prompt_ids"`
		Greedy []int64 `json:"greedy_ids"`
	}
}

// conversation is a list of messages as JSON, laid out by transformers.
type conversation struct {
	Messages         string
	GenerationPrompt bool `json:"generation_prompt"`
	Prompt           string
	IDs              []int64 `json:"prompt_ids"`
}

// sentence is a text that an encoder makes a vector of length 1 of: the mean of the
// states of all tokens, scaled.
type sentence struct {
	Text      string
	IDs       []int64
	Embedding []float64
}

// TestRealModels compares trained models with numbers of transformers: every
// folder of $LLMHOST_MODELS (default: shared/models beside the repository)
// that has weights and a reference.json, or one in testdata/realmodels. make
// test-models fetches models and runs it on them.
func TestRealModels(t *testing.T) {
	root := os.Getenv("LLMHOST_MODELS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "models")
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Skipf("no models at %s; set LLMHOST_MODELS to their folder", root)
	}
	require.NotEmpty(t, entries, "%s has no model", root)
	for _, e := range entries {
		folder := filepath.Join(root, e.Name())
		t.Run(e.Name(), func(t *testing.T) {
			for _, needed := range []string{"model.safetensors", "config.json"} {
				if _, err := os.Stat(filepath.Join(folder, needed)); err != nil {
					t.Skipf("this folder has no %s; make test-models fetches models", needed)
				}
			}
			if why := skipModelAt(folder); why != "" {
				t.Skip(why)
			}
			found := 0
			for _, at := range []fixtures{{filepath.Join(folder, "reference")}, {filepath.Join("testdata", "realmodels", e.Name())}} {
				if _, err := os.Stat(at.root + ".json"); err == nil {
					found++
					folderOf, name := filepath.Split(at.root)
					read[realModel](t, fixtures{folderOf}, "", name).check(t, folder)
				}
			}
			if found == 0 {
				t.Skip("nobody has numbers of this model")
			}
		})
	}
}

func (r realModel) check(t *testing.T, folder string) {
	var tolerance float64
	_, err := fmt.Sscanf(r.Tolerance, "%g", &tolerance)
	require.NoError(t, err, r.Tolerance)
	m := load(t, folder, cpu)
	if r.Sentences != nil {
		checkSentences(t, m, folder, r.Sentences, tolerance)
		return
	}
	t.Run("tokenizer", func(t *testing.T) { r.tokens(t, folder) })
	t.Run("logps", func(t *testing.T) {
		require.NotEmpty(t, r.TextIDs, "the ids of the text")
		require.Len(t, r.TokenLogps, len(r.TextIDs)-1)
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
		require.Greater(t, len(r.GreedyIDs), 1, "ids of a start and of what follows")
		for i, logits := range logitsOf(m, r.GreedyIDs[:len(r.GreedyIDs)-1]) {
			require.Equal(t, r.GreedyIDs[i+1], argmax(logits), "token %d", i+1)
		}
	})
	for _, chat := range r.Chats { // near ties may change later ids
		t.Run("chat", func(t *testing.T) {
			require.NotEmpty(t, chat.Greedy, "%q", chat.Prompt)
			ids := chat.IDs
			for _, want := range chat.Greedy[:min(8, len(chat.Greedy))] {
				logits := logitsOf(m, ids)
				require.Equal(t, want, argmax(logits[len(logits)-1]), "%q", chat.Prompt)
				ids = append(slices.Clone(ids), want)
			}
		})
	}
	t.Run("gradients", func(t *testing.T) {
		if r.GradientNorm == nil {
			t.Skip("the reference has no gradients")
		}
		require.NotEmpty(t, r.GradientNorm)
		row := data.Sequence{IDs: r.TextIDs, Labels: r.TextIDs}
		got := measure(t, m, objective.New(trace(t, plugin.Loss, "sft", nil), tensor.CPU, tensor.Float32), train.Options{}, []data.Example{{Sequences: []data.Sequence{row}}})
		require.InDelta(t, r.MeanNLL, got.loss, tolerance)
		for name, want := range r.GradientNorm {
			require.InDelta(t, want, norm(got.gradients[name]), tolerance, name)
		}
	})
}

// checkSentences compares the ids of sentences and their vectors, all of one batch.
func checkSentences(t *testing.T, m *model.Model, folder string, all []sentence, tolerance float64) {
	require.NotEmpty(t, all, "sentences")
	tok, err := tokenizer.Load(folder)
	require.NoError(t, err)
	defer tok.Close()
	var examples []data.Example
	for _, s := range all {
		formatted := []data.Formatted{{Example: sdk.Example{Candidates: []sdk.Candidate{{Answer: s.Text}}}}}
		tokenised, err := data.Tokenize(formatted, tok, data.Tokenizing{MaxLength: 512, Before: []int32{tok.Special().CLS}, After: []int32{tok.Special().SEP}, Encoder: true})
		require.NoError(t, err)
		require.Equal(t, s.IDs, tokenised[0].Sequences[0].IDs)
		examples = append(examples, tokenised...)
	}
	b := data.Pack(examples, false)
	var token, row []int64
	for r := range b.Sequences {
		for _, at := range b.SequenceTokens(r) {
			token, row = append(token, at), append(row, int64(r))
		}
	}
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			hidden := m.Forward(objective.NewPass(tensor.CPU, &b))
			vectors := exec.Compile(trace(t, plugin.Pooling, "average", nil), exec.Target{Device: tensor.CPU, Real: tensor.Float32}).Pool(exec.Given{
				Inputs: map[string]tensor.Tensor{"hidden": hidden, "token": tensor.Of(tensor.CPU, token), "sequence": tensor.Of(tensor.CPU, row)},
				Sizes:  map[string]int64{"P": hidden.Size(0), "H": hidden.Size(1), "M": int64(len(token)), "N": int64(len(all))},
			})
			for i, vector := range (array{vectors.Floats(), vectors.Shape()}).rows() {
				require.Len(t, vector, len(all[i].Embedding))
				length := norm(vector)
				for k := range vector {
					require.InDelta(t, all[i].Embedding[k], vector[k]/length, tolerance, "%q [%d]", all[i].Text, k)
				}
			}
		})
	})
}

// tokens compares the tokenizer with the ids of both texts.
func (r realModel) tokens(t *testing.T, folder string) {
	tok, err := tokenizer.Load(folder)
	require.NoError(t, err)
	defer tok.Close()
	ids, err := tok.Encode(r.Text, false)
	require.NoError(t, err)
	if r.Conversations != nil {
		checkChats(t, tok, r.Conversations)
	}
	for _, c := range r.Conversations {
		ids, err := tok.Encode(c.Prompt, false)
		require.NoError(t, err)
		require.Equal(t, convert[int32](c.IDs), ids, c.Prompt)
	}
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

// checkChats compares what the chat template makes of conversations.
func checkChats(t *testing.T, tok *tokenizer.Tokenizer, all []conversation) {
	template, err := chat.Load(tok, chat.Options{})
	require.NoError(t, err)
	for _, c := range all {
		var messages []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(c.Messages), &messages))
		asked := chat.Conversation{GenerationPrompt: c.GenerationPrompt}
		for _, m := range messages {
			asked.Messages = append(asked.Messages, string(m))
		}
		got, err := template.Render(asked)
		require.NoError(t, err)
		require.Equal(t, c.Prompt, got.Text)
	}
}

// logitsOf runs one sequence through a model: [tokens][vocab].
func logitsOf(m *model.Model, ids []int64) [][]float64 {
	var rows [][]float64
	b := data.Pack([]data.Example{{Sequences: []data.Sequence{{IDs: ids, Labels: ids}}}}, true)
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			logits := m.Head().Logits(m.Forward(objective.NewPass(tensor.CPU, &b)))
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
