package tensor_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"testing"

	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// levels are those of the paper's appendix E.
var levels = []float64{-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
	-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434,
	0.5626170039176941, 0.7229568362236023, 1}

// rounded does as the paper says: the nearest level of each 64 elements' largest.
func rounded(values []float64) []float64 {
	out := make([]float64, len(values))
	for from := 0; from < len(values); from += 64 {
		block, most := values[from:min(from+64, len(values))], 0.0
		for _, v := range block {
			most = max(most, math.Abs(v))
		}
		for i, v := range block {
			best := 0
			for l := range levels {
				if math.Abs(v/most-levels[l]) < math.Abs(v/most-levels[best]) {
					best = l
				}
			}
			if most > 0 {
				out[from+i] = levels[best] * most
			}
		}
	}
	return out
}

func TestNF4(t *testing.T) {
	t.Run("cpu", func(t *testing.T) { requireRounds(t, tensor.CPU) })
	t.Run("cuda", func(t *testing.T) {
		device, err := tensor.OpenDevice("cuda:0")
		if err != nil {
			t.Skip(err)
		}
		requireRounds(t, device)
	})
}

func requireRounds(t *testing.T, d tensor.Device) {
	for _, shape := range [][]int64{{3, 5}, {16, 64}, {7, 33}, {64, 300}, {1, 1}} {
		tensor.Scoped(func() {
			w := tensor.Randn(tensor.CPU, tensor.Float32, 0.3, shape...).ToDevice(d)
			q := tensor.QuantizeNF4(w)
			defer q.Free()
			got := q.Dequantize()
			require.Equal(t, shape, got.Shape())
			require.InDeltaSlice(t, rounded(w.Floats()), got.Floats(), 1e-6)
			again := tensor.QuantizeNF4(got)
			defer again.Free()
			require.Equal(t, got.Floats(), again.Dequantize().Floats(), "rounding twice is rounding once")
		})
	}
	tensor.Scoped(func() {
		q := tensor.QuantizeNF4(tensor.Zeros(tensor.CPU, tensor.Float32, 2, 64))
		defer q.Free()
		require.Equal(t, make([]float64, 128), q.Dequantize().Floats())
	})
}

// The product and its gradient are those of the rounded matrix.
func TestNF4Linear(t *testing.T) {
	tensor.Scoped(func() {
		q := tensor.QuantizeNF4(tensor.Randn(tensor.CPU, tensor.Float32, 1, 7, 33))
		defer q.Free()
		bias := tensor.Randn(tensor.CPU, tensor.Float32, 1, 7)
		values := tensor.Randn(tensor.CPU, tensor.Float32, 1, 5, 33)
		run := func(product func(x tensor.Tensor) tensor.Tensor) (y, gradient []float64) {
			x := values.MulScalar(1).Detach().RequireGrad()
			out := product(x)
			out.Square().Sum().Backward()
			return out.Floats(), x.Grad().Floats()
		}
		for _, b := range []tensor.Tensor{bias, {}} {
			want, wantGradient := run(func(x tensor.Tensor) tensor.Tensor { return x.Linear(q.Dequantize(), b) })
			got, gotGradient := run(func(x tensor.Tensor) tensor.Tensor { return q.Linear(x, b) })
			require.Equal(t, want, got)
			require.Equal(t, wantGradient, gotGradient)
		}
	})
}

// Steps leave nothing behind.
func TestNF4KeepsNothing(t *testing.T) {
	live := tensor.Live()
	tensor.Scoped(func() {
		q := tensor.QuantizeNF4(tensor.Randn(tensor.CPU, tensor.Float32, 1, 8, 64))
		q.Linear(tensor.Randn(tensor.CPU, tensor.Float32, 1, 3, 64), tensor.Tensor{})
		q.Free()
	})
	require.Equal(t, live, tensor.Live())
}

// bitsandbytes rounds to the same numbers.
func TestNF4Peer(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with bitsandbytes")
	}
	if exec.Command(peer, "-c", "import bitsandbytes").Run() != nil {
		t.Skip("the Python of LLMHOST_PEER_PYTHON has no bitsandbytes")
	}
	tensor.Scoped(func() {
		w := tensor.Randn(tensor.CPU, tensor.Float32, 0.1, 24, 128) // whole blocks a row: with others its CPU kernel mixes scales up
		job, err := json.Marshal(w.Floats())
		require.NoError(t, err)
		cmd := exec.Command(peer, "-c", `
import json, sys, torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
w = torch.tensor(json.load(sys.stdin), dtype=torch.float32).view(24, 128)
codes, state = quantize_4bit(w, quant_type="nf4", blocksize=64, compress_statistics=False)
print(json.dumps(dequantize_4bit(codes, state).flatten().tolist()))
`)
		cmd.Stdin = bytes.NewReader(job)
		printed, err := cmd.Output()
		require.NoError(t, err)
		var want []float64
		require.NoError(t, json.Unmarshal(printed, &want))
		q := tensor.QuantizeNF4(w)
		defer q.Free()
		require.InDeltaSlice(t, want, q.Dequantize().Floats(), 1e-7)
	})
}
