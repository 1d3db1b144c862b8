package host_test

import (
	"path/filepath"
	"testing"

	"llmhost/host/config"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// gpuTolerance is relative, for losses after a few steps in float32 on two devices.
const gpuTolerance = 2e-3

// Every task computes on a GPU what it does on the CPU, adapters and 4 bits too.
func TestTasksOnAGPU(t *testing.T) {
	if _, err := tensor.OpenDevice("cuda:0"); err != nil {
		t.Skip(err)
	}
	compare := func(name, task string, make record, params map[string]any, change func(*config.Settings)) {
		t.Run(name, func(t *testing.T) {
			s := lesson(t, task, make, params)
			s.MaxSteps, s.LearningRate = 4, 1e-3
			if change != nil {
				change(&s)
			}
			mustTrain(t, s)
			other := s
			other.Device, other.OutputDir = "cuda:0", filepath.Join(t.TempDir(), "run")
			require.Contains(t, mustTrain(t, other), "on cuda:0")
			before, after := measured(t, s.OutputDir, "eval_loss")
			gpuBefore, gpuAfter := measured(t, other.OutputDir, "eval_loss")
			require.InDelta(t, before, gpuBefore, gpuTolerance*max(1, before))
			require.InDelta(t, after, gpuAfter, gpuTolerance*max(1, after))
		})
	}
	for _, l := range lessons {
		compare(l.name, l.task, l.record, l.params, nil)
	}
	compare("lora", "dpo", pair, nil, func(s *config.Settings) { s.LoraR, s.LoraDropout = 4, 0 })
	compare("lora on 4 bits", "dpo", pair, nil, func(s *config.Settings) { s.LoraR, s.LoraDropout, s.LoadIn4Bit = 4, 0, true })
	compare("an encoder", "classification", tone, nil, func(s *config.Settings) { s.Model, s.IgnoreMismatched = classifier(t), true })
}
