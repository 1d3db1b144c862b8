package host_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// dropouts are tasks and the class of TRL that does the same, "" where it has none, with
// whether dropout is off by default.
var dropouts = []struct {
	task, module, class string
	record              record
	off                 bool
}{
	{"sft", "trl.trainer.sft_config", "SFTConfig", promptAnswer(nil), false},
	{"distill", "trl.trainer.distillation_config", "DistillationConfig", promptAnswer(nil), false},
	{"dpo", "trl.trainer.dpo_config", "DPOConfig", pair, true},
	{"kto", "trl.trainer.kto_config", "KTOConfig", judged, true},
	{"reward", "trl.trainer.reward_config", "RewardConfig", scored, true},
	{"cpo", "trl.experimental.cpo.cpo_config", "CPOConfig", pair, true},
	{"simpo", "trl.experimental.cpo.cpo_config", "CPOConfig", pair, true},
	{"orpo", "trl.experimental.orpo.orpo_config", "ORPOConfig", pair, true},
	{"classification", "", "", tone, false},
}

func judged(i int, thing string) map[string]any {
	return map[string]any{"prompt": thing + " is", "completion": "good", "label": i%2 == 0}
}

// disable_dropout = auto is off where answers are compared, which is where TRL has it so.
func TestDropoutByDefault(t *testing.T) {
	const note = "the adapter's dropout of 0.05 is off, as in TRL where answers are compared; disable_dropout = false turns it on"
	for _, c := range dropouts {
		t.Run(c.task, func(t *testing.T) {
			s := lesson(t, c.task, c.record, nil)
			s.LoraR, s.LoraDropout, s.DryRun, s.EvalDataPaths = 4, 0.05, true, nil
			if c.task == "distill" {
				s.RefModel = s.Model
			}
			lines := mustTrain(t, s)
			if c.off {
				require.Contains(t, lines, note)
			} else {
				require.NotContains(t, lines, "dropout")
			}
		})
	}
}

// TRL's configs have the same defaults.
func TestDropoutByDefaultPeer(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with TRL")
	}
	var job [][2]string
	want := map[string]bool{}
	for _, c := range dropouts {
		if c.module != "" {
			job = append(job, [2]string{c.module, c.class})
			want[c.class] = c.off
		}
	}
	text, err := json.Marshal(job)
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", `
import dataclasses, importlib, json, sys
off = {}
for module, name in json.loads(sys.argv[1]):
    fields = {f.name: f.default for f in dataclasses.fields(getattr(importlib.import_module(module), name))}
    off[name] = fields.get("disable_dropout", False)
print(json.dumps(off))
`, string(text))
	cmd.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
	printed, err := cmd.Output()
	require.NoError(t, err)
	var got map[string]bool
	require.NoError(t, json.Unmarshal(printed, &got))
	require.Equal(t, want, got)
}
