package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	var out bytes.Buffer
	p := printer{&out}
	ours := &contestant{Name: llmhostName, Hello: greeting{Versions: "libtorch 2.11.0", Threads: 2, Weights: 19286272},
		Warmup: turn{Loss: 10.5}, Turns: []turn{{Foreign: 0.01}, {Foreign: 0.2}}, Ready: memory{Now: 3e8}, Memory: memory{Peak: 1.5e9},
		Speed: judged{spread{1000, 1500, 2000, 2}, true}}
	full := &contestant{Name: "full", Turns: ours.Turns, Speed: judged{spread{500, 600, 700, 2}, false}, Faster: judged{spread{2, 2.5, 3, 2}, false}, Apart: 2e-7}
	p.race(&race{Task: "sft", Contestants: []*contestant{ours, full}})
	require.Equal(t, `
sft: 19,286,272 weights, 2 steps after one to warm up, first loss 10.50000
         tokens/s              llmhost × as fast              peak MB  at rest  clean steps  loss difference  
llmhost  1500      1000..2000                                 1,500    300      1 of 2                        
full     ~600      500..700    ~2.50              2.00..3.00  0        0        1 of 2       2e-07            
llmhost: libtorch 2.11.0, 2 threads
full: , 0 threads
`, out.String())

	out.Reset()
	p.startups(&startups{LLMHost: []float64{0.5, 0.7, 0.6}, Peer: []float64{3, 5, 4}})
	require.Contains(t, out.String(), "llmhost train  0.60  0.50..0.70")
	require.Contains(t, out.String(), "transformers   4.00  3.00..5.00")

	out.Reset()
	p.ops(opCosts{llmhostName: {"add": {Median: 0.8}}, "script": {"add": {Median: 0.55}}})
	require.Contains(t, out.String(), "llmhost  0.80")
	require.NotContains(t, out.String(), "python")
}
