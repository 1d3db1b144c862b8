package optim_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"testing"

	"llmhost/host/optim"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// peerAdafactor makes steps on the parameters of its input with transformers'
// Adafactor as its Trainer configures it, and prints the parameters after each.
const peerAdafactor = `
import json, sys, torch
from transformers.optimization import Adafactor
given = json.load(sys.stdin)
params = [torch.nn.Parameter(torch.tensor(v, dtype=torch.float64).view(s)) for v, s in zip(given["values"], given["shapes"])]
groups = [{"params": [p for p in params if p.dim() > 1], "weight_decay": given["decay"]}, {"params": [p for p in params if p.dim() < 2], "weight_decay": 0.0}]
optimizer = Adafactor(groups, lr=0.1, scale_parameter=False, relative_step=False)
after = []
for step in range(given["steps"]):
    for g in optimizer.param_groups:
        g["lr"] = 0.1 / (step + 1)
    optimizer.zero_grad()
    sum((p ** 2).sum() * (step + 1) for p in params[:2]).backward()
    optimizer.step()
    after.append([p.flatten().tolist() for p in params])
print(json.dumps(after))`

func TestAdafactorIsThatOfThePeer(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON does not name a Python with transformers")
	}
	for _, decay := range []float64{0, 0.3} {
		tensor.Scoped(func() {
			params := parameters()
			var values [][]float64
			var shapes [][]int64
			for _, p := range params {
				values = append(values, p.Tensor.Floats())
				shapes = append(shapes, p.Tensor.Shape())
			}
			in, err := json.Marshal(map[string]any{"values": values, "shapes": shapes, "decay": decay, "steps": 6})
			require.NoError(t, err)
			run := exec.Command(python, "-W", "ignore", "-c", peerAdafactor)
			run.Stdin = bytes.NewReader(in)
			out, err := run.Output()
			require.NoError(t, err)
			var want [][][]float64
			require.NoError(t, json.Unmarshal(out, &want))
			a := optim.NewAdafactor(params, decay)
			defer a.Free()
			for step, after := range want {
				a.ZeroGrad()
				backward(params, step)
				a.Step(0.1/float64(step+1), flag(0))
				for i, p := range params {
					require.InDeltaSlice(t, after[i], p.Tensor.Floats(), 1e-12, "%s after step %d, decay %v", p.Name, step, decay)
				}
			}
		})
	}
}

// The first step of a vector is its gradient's sign at the learning rate: the
// average is the gradient's square itself, and the update has a root mean square of 1.
func TestAdafactorsFirstStep(t *testing.T) {
	tensor.Scoped(func() {
		params := parameters()
		before := params[1].Tensor.Floats()
		idle := params[2].Tensor.Floats()
		a := optim.NewAdafactor(params, 0.5)
		defer a.Free()
		backward(params, 0)
		a.Step(0.01, flag(0))
		for i, v := range params[1].Tensor.Floats() {
			require.InDelta(t, before[i]-math.Copysign(0.01, before[i]), v, 1e-12)
		}
		require.Equal(t, idle, params[2].Tensor.Floats(), "without a gradient nothing moves")
	})
}

// A skipped step changes no parameter and no average, whatever the gradient is.
func TestAdafactorSkips(t *testing.T) {
	tensor.Scoped(func() {
		params := parameters()
		a := optim.NewAdafactor(params, 0.5)
		defer a.Free()
		before := params[0].Tensor.Floats()
		params[0].Tensor.Sum().DivScalar(0).Backward()
		a.Step(0.01, flag(1))
		require.Equal(t, before, params[0].Tensor.Floats())
		for _, part := range a.State()[0].Parts[:2] {
			require.Equal(t, make([]float64, part.Numel()), part.Floats(), part.Name)
		}
	})
}

// A matrix of rows and columns keeps one number for each of them and the steps.
func TestStateOfAdafactor(t *testing.T) {
	tensor.Scoped(func() {
		params := parameters()
		small := optim.NewAdafactor(params, 0)
		defer small.Free()
		large := optim.NewAdamW(params, optim.Options{})
		defer large.Free()
		require.Equal(t, int64((2+3)*8+4), small.State()[0].Bytes())
		require.Equal(t, int64(2*2*3*8+4), large.State()[0].Bytes())
		require.Equal(t, int64(4*8+4), small.State()[1].Bytes())
	})
}
