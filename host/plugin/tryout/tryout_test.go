package tryout_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/builtin"
	"llmhost/host/plugin/tryout"
	"llmhost/host/plugin/worker"
	"llmhost/host/safetensors"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if worker.Asked(os.Args) {
		os.Exit(worker.Main())
	}
	os.Exit(m.Run())
}

// compiled builds a main package as a WASM module.
func compiled(t *testing.T, pkg string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build a plugin with")
	}
	file := filepath.Join(t.TempDir(), filepath.Base(pkg)+".wasm")
	build := exec.Command("go", "build", "-buildvcs=false", "-buildmode=c-shared", "-o", file, "llmhost/"+pkg)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// written is a file of the given text.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// floats and ints are tensors to write.
func floats(name string, values []float32, shape ...int64) safetensors.Source {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return safetensors.Source{Name: name, DType: safetensors.F32, Shape: shape, Data: data}
}

func ints(name string, values []int64, shape ...int64) safetensors.Source {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return safetensors.Source{Name: name, DType: safetensors.I64, Shape: shape, Data: data}
}

// saved writes tensors to a file.
func saved(t *testing.T, sources ...safetensors.Source) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inputs.safetensors")
	require.NoError(t, safetensors.Write(path, sources, nil))
	return path
}

// candidates are inputs of rrhf: prompts with up to k answers of up to length
// tokens, with scores of which some are equal.
func candidates(t *testing.T, prompts, k, length int) string {
	rng := rand.New(rand.NewPCG(5, 0))
	logps, mask := make([]float32, prompts*k*length), make([]int64, prompts*k*length)
	real, score := make([]int64, prompts*k), make([]float32, prompts*k)
	for row := range real {
		if row%k > 0 && rng.IntN(4) == 0 {
			continue // only fills up the prompt's candidates
		}
		real[row], score[row] = 1, float32(rng.IntN(3))
		for i := range 1 + rng.IntN(length) {
			logps[row*length+i], mask[row*length+i] = -float32(rng.ExpFloat64()), 1
		}
	}
	b, c, l := int64(prompts), int64(k), int64(length)
	return saved(t, floats("policy.logps", logps, b, c, l), ints("label_mask", mask, b, c, l), ints("candidate_mask", real, b, c), floats("column.score", score, b, c))
}

func run(r tryout.Request) (tryout.Result, error) {
	r.Builtins = builtin.All()
	return tryout.Run(context.Background(), r)
}

// One loss over two transports gives the same numbers, to the last bit.
func TestTransportsComputeAlike(t *testing.T) {
	module, inputs := compiled(t, "plugins/rrhf"), candidates(t, 5, 4, 7)
	for _, params := range []map[string]string{nil, {"rrhf_weight": "10", "length_penalty": "0.5"}, {"rrhf_reduction": "paper_sum"}} {
		var results []string
		var gradients []string
		for _, spec := range []string{"rrhf", module, module + "#rrhf"} {
			grads := filepath.Join(t.TempDir(), "grads.safetensors")
			result, err := run(tryout.Request{Spec: spec, Inputs: inputs, Params: params, Grads: grads})
			require.NoError(t, err)
			require.Positive(t, *result.Loss)
			text, err := json.Marshal(result)
			require.NoError(t, err)
			results, gradients = append(results, string(text)), append(gradients, contents(t, grads))
		}
		require.Equal(t, results[0], results[1])
		require.Equal(t, results[0], results[2])
		require.True(t, gradients[0] == gradients[1], "gradients of the two")
		require.True(t, gradients[0] == gradients[2], "gradients of the two")
	}
}

// Two candidates of two tokens and of one, worked out by hand: p = (-1, -0.5),
// the first is better, so rank = 0.5 and tune = 1.
func TestRun(t *testing.T) {
	inputs := saved(t, floats("policy.logps", []float32{-1.5, -0.5, -0.5, 0}, 1, 2, 2), ints("label_mask", []int64{1, 1, 1, 0}, 1, 2, 2),
		ints("candidate_mask", []int64{1, 1}, 1, 2), floats("column.score", []float32{2, 1}, 1, 2))
	grads := filepath.Join(t.TempDir(), "grads.safetensors")
	result, err := run(tryout.Request{Spec: "rrhf", Inputs: inputs, Params: map[string]string{"rrhf_weight": "3"}, Grads: grads})
	require.NoError(t, err)
	text, err := json.Marshal(result)
	require.NoError(t, err)
	require.JSONEq(t, `{"loss": 2.5, "terms": [{"name": "rank", "sum": 0.5, "count": 1, "coefficient": 3, "value": 0.5}, {"name": "tune", "sum": 1, "count": 1, "coefficient": 1, "value": 1}],
		"metrics": [{"name": "rank_accuracy", "sum": 0, "count": 1, "value": 0}, {"name": "rank_margin", "sum": -0.5, "count": 1, "value": -0.5}, {"name": "best_of_k_accuracy", "sum": 0, "count": 1, "value": 0}]}`, string(text))
	file, err := safetensors.Open(grads)
	require.NoError(t, err)
	defer file.Close()
	require.Equal(t, []string{"policy.logps"}, file.Names())
	gradient, err := file.Want("policy.logps", "the inputs", 1, 2, 2)
	require.NoError(t, err)
	values, err := gradient.Float64s()
	require.NoError(t, err)
	require.Equal(t, []float64{-2, -2, 3}, values[:3], "the last is of no label")
}

// The same as JSON, with the gradients in the result.
func TestRunReadsJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inputs.json")
	text := `{"policy.logps": [[[-1.5, -0.5], [-0.5, 0]]], "label_mask": [[[true, true], [true, false]]], "candidate_mask": [[1, 1]], "column.score": [[2, 1]], "more": 1}`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	result, err := run(tryout.Request{Spec: "rrhf", Inputs: path, Params: map[string]string{"rrhf_weight": "3"}, Grads: "-"})
	require.NoError(t, err)
	require.Equal(t, 2.5, *result.Loss)
	gradients, err := json.Marshal(result.Gradients)
	require.NoError(t, err)
	require.JSONEq(t, `{"policy.logps": [[[-2, -2], [3, 3]]]}`, string(gradients))

	for _, wrong := range []struct{ from, to, want string }{
		{"[-0.5, 0]", "[-0.5]", "policy.logps: its lists have different lengths; want 2 entries, as in the first list, padded with 0 or false (it is f32 [B, K, T])"},
		{"column.score", "column.scores", `has no "column.score" (the program reads column.score, candidate_mask, policy.logps, label_mask)`},
		{"[[1, 1]]", "[[1, 0.5]]", "candidate_mask: holds 0.5; want whole numbers (it is bool [B, K])"},
		{"[[2, 1]]", `[["2", 1]]`, "column.score: holds 2 where a number, true or false should be (it is f32 [B, K])"},
		{"[[2, 1]]", `[2, 1]`, `tensor "column.score" has shape [2]; want [B, K]`},
		{"{", "", "want {"},
	} {
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(text, wrong.from, wrong.to, 1)), 0o644))
		_, err := run(tryout.Request{Spec: "rrhf", Inputs: path})
		require.ErrorContains(t, err, wrong.want)
	}
}

func TestRunPooling(t *testing.T) {
	inputs := saved(t, floats("hidden", []float32{1, 2, 3, 4, 5, 7}, 3, 2), ints("token", []int64{0, 1, 0, 2}, 4), ints("sequence", []int64{0, 0, 1, 1}, 4))
	result, err := run(tryout.Request{Spec: "average", Inputs: inputs})
	require.NoError(t, err)
	require.Equal(t, []int64{2, 2}, result.Shape)
	require.Equal(t, []float64{2, 3, 3, 4.5}, result.Output)
	require.Nil(t, result.Loss)
}

func TestBadProgramInputs(t *testing.T) {
	inputs := candidates(t, 2, 3, 4)
	for _, c := range []struct {
		name string
		run  tryout.Request
		want string
	}{
		{"unknown plugin", tryout.Request{Spec: "rhrf", Inputs: inputs}, `no builtin task is called "rhrf"; did you mean rrhf? (builtin: rrhf, sft, classification, multi_objective_classification, reward, rejection_sampling, weighted_learning, dpo, kto, orpo, simpo, cpo, offline_ppo, distill; a plugin file is given by its path, such as plugins/rhrf.wasm)`},
		{"unknown parameter", tryout.Request{Spec: "rrhf", Inputs: inputs, Params: map[string]string{"rrhf_wight": "1"}}, "--params rrhf_wight: loss rrhf has no parameter rrhf_wight; did you mean rrhf_weight?"},
		{"no file", tryout.Request{Spec: "rrhf", Inputs: "absent.safetensors"},
			"inputs absent.safetensors: no such file; want a safetensors or JSON file with column.score, candidate_mask, policy.logps, label_mask"},
		{"missing input", tryout.Request{Spec: "rrhf", Inputs: written(t, strings.Replace(contents(t, inputs), "candidate_mask", "candidate_mesk", 1))},
			`{}: tensor "candidate_mask" is missing; 4 others are there; did you mean candidate_mesk? (the program reads column.score, candidate_mask, policy.logps, label_mask)`},
		{"another shape", tryout.Request{Spec: "rrhf", Inputs: saved(t, floats("column.score", make([]float32, 4), 4))}, `{}: tensor "column.score" has shape [4]; want [B, K]`},
		{"sizes that part", tryout.Request{Spec: "rrhf", Inputs: saved(t, floats("column.score", make([]float32, 4), 2, 2), ints("candidate_mask", make([]int64, 6), 2, 3))},
			`{}: tensor "candidate_mask" has shape [2, 3]; want [B, K] with K = 2 as in the inputs before it`},
		{"another type", tryout.Request{Spec: "rrhf", Inputs: saved(t, floats("column.score", make([]float32, 4), 2, 2), floats("candidate_mask", make([]float32, 4), 2, 2))},
			`{}: tensor "candidate_mask" has dtype F32; want I64, I32, I16, I8, U8 or BOOL`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := run(c.run)
			require.EqualError(t, err, strings.ReplaceAll(c.want, "{}", c.run.Inputs))
		})
	}
}

// Poolings over two transports give the same numbers, to the last bit.
func TestPoolingsComputeAlike(t *testing.T) {
	module := compiled(t, "plugins/pooling")
	inputs := saved(t, floats("hidden", []float32{1, 2, -3, 4, 5, 7.5, 0.1, 0.2}, 4, 2), ints("token", []int64{0, 1, 0, 2, 3}, 5), ints("sequence", []int64{0, 0, 1, 1, 1}, 5),
		ints("ids", []int64{9, 2, 9, 8, 7}, 5), ints("eos_token_id", []int64{2}))
	for _, name := range []string{"last", "eos", "average", "max"} {
		var results, gradients []string
		for _, spec := range []string{name, module + "#" + name} {
			grads := filepath.Join(t.TempDir(), "grads.safetensors")
			result, err := run(tryout.Request{Spec: spec, Inputs: inputs, Grads: grads})
			require.NoError(t, err)
			require.Equal(t, []int64{2, 2}, result.Shape)
			text, err := json.Marshal(result)
			require.NoError(t, err)
			results, gradients = append(results, string(text)), append(gradients, contents(t, grads))
		}
		require.Equal(t, results[0], results[1])
		require.Equal(t, gradients[0], gradients[1])
	}
}

// A result that is not finite is shown as one: that may be what is looked for.
func TestResultsThatAreNotFinite(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(-1)
	text, err := json.Marshal(tryout.Result{
		Loss:      &nan,
		Terms:     []tryout.Fraction{{Name: "x", Sum: -inf, Count: 2, Value: &inf}},
		Shape:     []int64{2},
		Output:    []float64{1.5, nan},
		Gradients: map[string]any{"policy.logps": []any{[]any{nan, 0.25}}},
	})
	require.NoError(t, err)
	require.Equal(t, `{"loss":"NaN","terms":[{"name":"x","sum":"Infinity","count":2,"value":"-Infinity"}],"shape":[2],`+
		`"output":[1.5,"NaN"],"gradients":{"policy.logps":[["NaN",0.25]]}}`, string(text))
	text, err = json.Marshal(tryout.Result{})
	require.NoError(t, err)
	require.Equal(t, `{}`, string(text))
}
