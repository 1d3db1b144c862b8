package model_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/architectures.py
var architecturesScript string

// Of the norm of a gradient's difference: relative to the norm of the
// parameter's gradient, and to that of all. The second is for gradients that are
// 0 except for rounding, as that of a bias of keys is.
const (
	gradientTolerance = 1e-4
	gradientNoise     = 1e-7
)

// What the variants are run over. The sequences of decoders begin alike, so that
// they can share a prefix; none is longer than the contexts that yarn begins at.
var (
	peerSequences = [][]int64{{5, 6, 7, 8, 9, 10, 11, 12, 13}, {5, 6, 7, 8, 20, 21, 3, 4, 39, 38, 0, 22}, {5, 6, 30}}
	peerPairs     = []pair{{IDs: []int64{3, 6, 7, 8, 9, 10, 4}, Types: []int64{0, 0, 0, 1, 1, 1, 1}},
		{IDs: []int64{3, 20, 21, 4}, Types: []int64{0, 0, 0, 0}}, {IDs: []int64{3}, Types: []int64{1}}}
)

const peerSeed = 11

// pair is one or two texts with the type of each token.
type pair struct {
	IDs   []int64 `json:"ids"`
	Types []int64 `json:"types"`
}

// peerFacts are what the script reports about a variant besides its tensors.
type peerFacts struct {
	Loss    float64
	Fresh   map[string]float64 // the first element of each parameter of one axis, of a new model
	Decayed []string           // the parameters that decay
}

// peerModels runs the script and returns the folder of the variants.
func peerModels(t *testing.T) (folder string, facts map[string]peerFacts) {
	t.Helper()
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch and transformers")
	}
	folder = t.TempDir()
	job, err := json.Marshal(map[string]any{"rows": peerSequences, "pairs": peerPairs, "seed": peerSeed, "out": folder})
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", architecturesScript, string(job))
	cmd.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
	printed, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	text, err := os.ReadFile(filepath.Join(folder, "golden.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &facts))
	return folder, facts
}

// way is how sequences are laid out for a model.
type way struct {
	name                string
	apart, share, taped bool
}

var ways = []way{{name: "packed"}, {name: "shared", share: true}, {name: "apart", apart: true},
	{name: "taped", taped: true}, {name: "apart_taped", apart: true, taped: true}}

// Every variant of every architecture gives the same as transformers: outputs and
// gradients, from both layouts of its config, however its sequences are packed.
func TestPeerArchitectures(t *testing.T) {
	folder, facts := peerModels(t)
	for name, fact := range facts {
		t.Run(name, func(t *testing.T) {
			golden, err := safetensors.Open(filepath.Join(folder, name, "golden.safetensors"))
			require.NoError(t, err)
			defer golden.Close()
			for _, layout := range []string{"config.json", "config_v4.json"} {
				m := load(t, underLayout(t, filepath.Join(folder, name), layout), cpu)
				require.Empty(t, m.Unused)
				for _, w := range ways {
					draws := strings.HasSuffix(name, "_dropout")
					if w.share && !m.Causal() || draws && !w.apart {
						continue // the draws are the same for one sequence at a time alone
					}
					t.Run(layout+"/"+w.name, func(t *testing.T) {
						tensor.ManualSeed(peerSeed)
						m.Params().Mode().Training = draws
						requirePeer(t, golden, fact.Loss, compute(m, w))
					})
				}
			}
			requireSavedAlike(t, filepath.Join(folder, name))
			requireFresh(t, filepath.Join(folder, name), fact)
		})
	}
}

// underLayout is a view of a model's folder with one of its configs.
func underLayout(t *testing.T, folder, layout string) string {
	t.Helper()
	view := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(folder, layout), filepath.Join(view, "config.json")))
	require.NoError(t, os.Symlink(filepath.Join(folder, "model.safetensors"), filepath.Join(view, "model.safetensors")))
	return view
}

// computed is what a model gives for the sequences.
type computed struct {
	outputs   map[string][]float64 // by the script's names
	loss      float64
	gradients map[string][]float64 // by their parameters
}

// compute runs a model over its sequences, forward and backward.
func compute(m *model.Model, w way) computed {
	c := computed{outputs: map[string][]float64{}, gradients: map[string][]float64{}}
	each, sequences := c.decode, peerSequences
	if !m.Causal() {
		each, sequences = c.encode, nil
		for _, p := range peerPairs {
			sequences = append(sequences, p.IDs)
		}
	}
	size := len(sequences)
	if w.apart {
		size = 1
	}
	zeroGrad(m)
	for from := 0; from < len(sequences); from += size {
		tensor.Scoped(func() {
			var tape *nn.Tape
			if w.taped {
				tape = &nn.Tape{}
			}
			loss := each(m, packSequences(sequences[from:from+size], w.share), from, tape)
			loss.Backward()
			tape.Backward()
			c.loss += loss.Item()
		})
	}
	tensor.Scoped(func() {
		for _, p := range m.Params().All() {
			if g := p.Tensor.Grad(); g.Defined() {
				c.gradients[p.Name] = g.Floats()
			}
		}
	})
	return c
}

func zeroGrad(m *model.Model) {
	var all []tensor.Tensor
	for _, p := range m.Params().All() {
		all = append(all, p.Tensor)
	}
	tensor.NewList(all).ZeroGrad()
}

func packSequences(sequences [][]int64, share bool) *data.Batch {
	var e data.Example
	for _, sequence := range sequences {
		e.Sequences = append(e.Sequences, data.Sequence{IDs: sequence, Labels: sequence})
	}
	b := data.Pack([]data.Example{e}, share)
	return &b
}

// decode records the logits of the sequences from first on, and returns their part of
// the mean negative log-probability of all next tokens.
func (c *computed) decode(m *model.Model, b *data.Batch, first int, tape *nn.Tape) tensor.Tensor {
	hidden := m.Forward(taped(b, tape))
	logits := m.Head().Logits(hidden)
	for r := range b.K {
		c.outputs[fmt.Sprintf("logits.%d", first+r)] = logits.IndexSelect(0, tensor.Of(tensor.CPU, b.SequenceTokens(r))).Floats()
	}
	targets := 0
	for _, sequence := range peerSequences {
		targets += len(sequence) - 1
	}
	return m.Head().TokenLogps(hidden.IndexSelect(0, tensor.Of(tensor.CPU, b.Source)), tensor.Of(tensor.CPU, b.Target)).Sum().DivScalar(-float64(targets))
}

// encode records the states of the sequences from first on, and returns a weighted sum of them.
func (c *computed) encode(m *model.Model, b *data.Batch, first int, tape *nn.Tape) (loss tensor.Tensor) {
	for r := range b.K {
		b.Types = append(b.Types, peerPairs[first+r].Types...)
	}
	hidden := m.Forward(taped(b, tape))
	pooled := m.Backbone.(model.Encoder).Pooled(hidden, tensor.Of(tensor.CPU, firsts(b)))
	for r := range b.K {
		states, one := hidden.IndexSelect(0, tensor.Of(tensor.CPU, b.SequenceTokens(r))), pooled.Narrow(0, int64(r), 1)
		c.outputs[fmt.Sprintf("hidden.%d", first+r)], c.outputs[fmt.Sprintf("pooled.%d", first+r)] = states.Floats(), one.Floats()
		part := weighed(states).Add(weighed(one))
		if r > 0 {
			part = part.Add(loss)
		}
		loss = part
	}
	return loss
}

// weighed is the sum of x's elements, each times the cosine of its place.
func weighed(x tensor.Tensor) tensor.Tensor {
	weights := make([]float64, x.Numel())
	for i := range weights {
		weights[i] = math.Cos(float64(i))
	}
	return x.Mul(tensor.Of(tensor.CPU, weights, x.Shape()...).To(x.DType())).Sum()
}

// theirName is what transformers calls a parameter in memory.
func theirName(name string) string {
	if name == "embed_out.weight" {
		return "lm_head.weight"
	}
	return strings.TrimPrefix(name, "bert.")
}

// requirePeer compares with golden numbers, of which none is left out.
func requirePeer(t *testing.T, golden *safetensors.File, loss float64, got computed) {
	t.Helper()
	require.InEpsilon(t, loss, got.loss, 1e-5)
	outputs, gradients := got.outputs, map[string][]float64{}
	for name, g := range got.gradients {
		gradients["grad."+theirName(name)] = g
	}
	require.Len(t, golden.Names(), len(outputs)+len(gradients))
	total := 0.0
	for _, g := range gradients {
		total = math.Hypot(total, length(g))
	}
	for _, name := range golden.Names() {
		want := values(t, golden, name)
		if values, is := outputs[name]; is {
			require.InDeltaSlice(t, want, values, peerTolerance, name)
			continue
		}
		require.Contains(t, gradients, name)
		gap := slices.Clone(gradients[name])
		for i := range gap {
			gap[i] -= want[i]
		}
		require.LessOrEqual(t, length(gap), gradientTolerance*length(want)+gradientNoise*total, name)
	}
}

func values(t *testing.T, file *safetensors.File, name string) []float64 {
	t.Helper()
	x, err := file.Get(name)
	require.NoError(t, err)
	v, err := x.Float64s()
	require.NoError(t, err)
	return v
}

func length(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v * v
	}
	return math.Sqrt(total)
}

// requireSavedAlike loads a model and saves it: the same tensors, under the
// names that transformers saves them by; BERT's as they are below a head.
func requireSavedAlike(t *testing.T, folder string) {
	t.Helper()
	again := t.TempDir()
	require.NoError(t, load(t, folder, cpu).Save(again))
	theirs, err := safetensors.Open(folder)
	require.NoError(t, err)
	defer theirs.Close()
	ours, err := safetensors.Open(again)
	require.NoError(t, err)
	defer ours.Close()
	require.Len(t, ours.Names(), len(theirs.Names()))
	for _, name := range ours.Names() {
		require.Equal(t, values(t, theirs, strings.TrimPrefix(name, "bert.")), values(t, ours, name), name)
	}
}

// requireFresh compares a new model of the variant: parameters of one axis have
// the same initial values as there, and those of more axes are the ones that decay
// there.
func requireFresh(t *testing.T, folder string, fact peerFacts) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(folder, "config.json"))
	require.NoError(t, err)
	m, err := model.Create(config, 1, cpu)
	require.NoError(t, err)
	defer m.Free()
	var decayed []string
	fresh := map[string]float64{}
	for _, p := range m.Params().All() {
		if len(p.Tensor.Shape()) > 1 {
			decayed = append(decayed, theirName(p.Name))
			continue
		}
		values := p.Tensor.Floats()
		require.Equal(t, slices.Min(values), slices.Max(values), p.Name)
		fresh[theirName(p.Name)] = values[0]
	}
	require.ElementsMatch(t, fact.Decayed, decayed)
	require.Equal(t, fact.Fresh, fresh)
}
