package builtin_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/safetensors"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// goldenLoss is the tolerance of losses in float64, relative; goldenGradient that of
// gradients, which the golden numbers have in float32, relative to their norm.
const (
	goldenLoss     = 1e-9
	goldenGradient = 1e-5
)

// golden is a loss of the fixtures.
type golden struct {
	t        *testing.T
	tensors  *safetensors.File
	Variants map[string]goldenVariant
}

type goldenVariant struct {
	Params  map[string]any
	LossF64 float64 `json:"loss_f64"`
}

// openGolden reads a case; the test is skipped where there are none.
func openGolden(t *testing.T, name string) golden {
	t.Helper()
	folder := os.Getenv("LLMHOST_FIXTURES")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "fixtures")
	}
	text, err := os.ReadFile(filepath.Join(folder, "losses", name+".json"))
	if err != nil {
		t.Skipf("no golden numbers: %v; LLMHOST_FIXTURES names their folder", err)
	}
	g := golden{t: t}
	require.NoError(t, json.Unmarshal(text, &g))
	g.tensors, err = safetensors.Open(filepath.Join(folder, "losses", name+".safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { g.tensors.Close() })
	return g
}

// array is a tensor of a case.
type array struct {
	shape []int
	data  []float64
}

func (g golden) get(name string) array {
	g.t.Helper()
	tensor, err := g.tensors.Get(name)
	require.NoError(g.t, err)
	a := array{}
	for _, d := range tensor.Shape {
		a.shape = append(a.shape, int(d))
	}
	switch tensor.DType {
	case safetensors.F32:
		for i := 0; i < len(tensor.Data); i += 4 {
			a.data = append(a.data, float64(math.Float32frombits(binary.LittleEndian.Uint32(tensor.Data[i:]))))
		}
	default:
		for i := 0; i < len(tensor.Data); i += 8 {
			a.data = append(a.data, float64(int64(binary.LittleEndian.Uint64(tensor.Data[i:]))))
		}
	}
	return a
}

// rows cuts an array into rows of n elements.
func rows(data []float64, n int) [][]float64 {
	var out [][]float64
	for i := 0; i < len(data); i += n {
		out = append(out, data[i:i+n])
	}
	return out
}

// check holds a variant's loss, and its gradient by the input called of.
func (g golden) check(variant string, loss sdk.Loss, in sdktest.Inputs, of string, gradient func(r sdktest.Result) []float64) {
	g.checkWithin(goldenLoss, variant, loss, in, of, gradient)
}

func (g golden) checkWithin(tolerance float64, variant string, loss sdk.Loss, in sdktest.Inputs, of string, gradient func(r sdktest.Result) []float64) {
	g.t.Run(variant, func(t *testing.T) {
		want := g.Variants[variant].LossF64
		out := sdktest.Run(loss, in)
		require.InDelta(t, want, out.Loss, tolerance*math.Max(1, math.Abs(want)), "loss")
		if gradient == nil {
			return
		}
		exact, got := g.get("grad."+variant+"."+of).data, gradient(out)
		require.Len(t, got, len(exact))
		difference, norm := 0.0, 0.0
		for i, v := range exact {
			difference, norm = difference+(v-got[i])*(v-got[i]), norm+v*v
		}
		require.LessOrEqual(t, math.Sqrt(difference), goldenGradient*math.Sqrt(norm), "gradient by %s", of)
	})
}

// tokens are the label tokens of rows of logits, with the way back.
type tokens struct {
	logits, reference array
	perPrompt         int            // rows
	rows              []int          // of each candidate, in order; padding is left out
	at, label         [][]int        // of each candidate: the positions and ids of its label tokens
	in                sdktest.Inputs // Logps, and RefLogps and ReverseKL where there is a reference
}

// padding marks a candidate that fills up its prompt.
const padding = -100

// read lays out logits [B, T, V] or [B, K, T, V] with labels that are not
// shifted; real says which rows are candidates.
func read(logits, labels array, reference *array, real func(row int) bool) *tokens {
	n := len(logits.shape)
	length, vocab := logits.shape[n-2], logits.shape[n-1]
	k := &tokens{logits: logits, perPrompt: 1}
	if n == 4 {
		k.perPrompt = logits.shape[1]
	}
	if reference != nil {
		k.reference = *reference
	}
	count := len(labels.data) / length
	for row := range count {
		if row%k.perPrompt == 0 {
			k.in.Logps = append(k.in.Logps, nil)
			if reference != nil {
				k.in.RefLogps, k.in.ReverseKL = append(k.in.RefLogps, nil), append(k.in.ReverseKL, nil)
			}
		}
		if real(row) {
			k.add(row, length, vocab, labels.data[row*length:(row+1)*length])
		}
	}
	return k
}

func all(int) bool { return true }

// add reads one candidate.
func (k *tokens) add(row, length, vocab int, labels []float64) {
	var at, label []int
	logps, reference, kl := []float64{}, []float64{}, []float64{}
	for t := 1; t < length; t++ {
		if labels[t] < 0 {
			continue
		}
		position, id := row*length+t-1, int(labels[t])
		at, label = append(at, position), append(label, id)
		p := logSoftmax(k.logits.data[position*vocab : (position+1)*vocab])
		logps = append(logps, p[id])
		if k.reference.data != nil {
			q := logSoftmax(k.reference.data[position*vocab : (position+1)*vocab])
			reference, kl = append(reference, q[id]), append(kl, divergence(p, q))
		}
	}
	k.rows, k.at, k.label = append(k.rows, row), append(k.at, at), append(k.label, label)
	b := len(k.in.Logps) - 1
	k.in.Logps[b] = append(k.in.Logps[b], logps)
	if k.reference.data != nil {
		k.in.RefLogps[b], k.in.ReverseKL[b] = append(k.in.RefLogps[b], reference), append(k.in.ReverseKL[b], kl)
	}
}

func logSoftmax(x []float64) []float64 {
	most, total := math.Inf(-1), 0.0
	for _, v := range x {
		most = math.Max(most, v)
	}
	for _, v := range x {
		total += math.Exp(v - most)
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - most - math.Log(total)
	}
	return out
}

// divergence is KL(p ‖ q) of log-probabilities.
func divergence(p, q []float64) float64 {
	total := 0.0
	for i := range p {
		total += math.Exp(p[i]) * (p[i] - q[i])
	}
	return total
}

// gradient carries the gradients of a result back to the logits.
func (k *tokens) gradient(r sdktest.Result) []float64 {
	out := make([]float64, len(k.logits.data))
	vocab := k.logits.shape[len(k.logits.shape)-1]
	candidate := 0
	for b, prompt := range r.Gradients {
		for c := range prompt {
			for j, position := range k.at[candidate] {
				p := logSoftmax(k.logits.data[position*vocab : (position+1)*vocab])
				into := out[position*vocab : (position+1)*vocab]
				for v := range into {
					into[v] -= prompt[c][j] * math.Exp(p[v])
				}
				into[k.label[candidate][j]] += prompt[c][j]
				if r.ReverseKLGradients != nil {
					k.addDivergence(into, p, position*vocab, r.ReverseKLGradients[b][c][j])
				}
			}
			candidate++
		}
	}
	return out
}

// addDivergence adds the gradient of KL(p ‖ q) by the logits of p, times g.
func (k *tokens) addDivergence(into, p []float64, at int, g float64) {
	q := logSoftmax(k.reference.data[at : at+len(p)])
	kl := divergence(p, q)
	for v := range into {
		into[v] += g * math.Exp(p[v]) * (p[v] - q[v] - kl)
	}
}
