package train_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"llmhost/host/data"
	"llmhost/host/tensor"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// The loss and the perplexity of a log entry are one number, however uneven the
// steps and micro-batches in it are.
func TestLossAndPerplexityAgree(t *testing.T) {
	for _, microMean := range []bool{false, true} {
		for _, every := range []int{1, 3, 4} {
			t.Run(fmt.Sprintf("micro_batch %v, every %d steps", microMean, every), func(t *testing.T) {
				r := newLoop(t, func(p *train.Plan) { p.LogSteps = every })
				r.examples = uneven(21, false)
				r.Batches = data.NewShuffled(data.InMemory(r.examples), nil, 1)
				r.Trainer = newTrainer(t, newModel(t, "llama", tensor.Float32), loss(t, "sft", nil), 0.01, train.Options{MicroMean: microMean})
				r.Eval = []train.EvalSet{{Prefix: "eval_", Records: len(r.examples), Batches: data.InOrder(data.InMemory(r.examples), nil)}}
				compared := 0
				r.Emit = func(e train.Event) error {
					for _, prefix := range []string{"", "eval_"} {
						perplexity, has := e.Get(prefix + "perplexity")
						if !has {
							continue
						}
						loss, _ := e.Get(prefix + "loss")
						require.InEpsilon(t, math.Exp(loss), perplexity, 1e-6, "%s%d", prefix, e.Step)
						compared++
					}
					return nil
				}
				require.NoError(t, r.Run(context.Background()))
				require.Greater(t, compared, 1)
			})
		}
	}
}
