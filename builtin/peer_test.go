package builtin_test

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/cpo"
	"llmhost/builtin/distill"
	"llmhost/builtin/dpo"
	"llmhost/builtin/kto"
	"llmhost/builtin/orpo"
	"llmhost/builtin/reward"
	"llmhost/builtin/simpo"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// peerTolerance is for losses, absolute: TRL takes odds in float32.
const peerTolerance = 2e-6

// peerBatch is pairs of answers of different lengths, with rewards and with
// answers of other prompts. Scores tell good answers from bad ones too.
var peerBatch = sdktest.Inputs{
	Logps: [][][]float64{
		{{-1, -2, -0.25}, {-0.5}}, {{-0.75, -1.5}, {-2, -1, -3}}, {{-3}, {-0.125, -0.5}}, {{-0.01, -0.02}, {-4, -0.5, -0.5, -1}},
	},
	RefLogps: [][][]float64{
		{{-1.5, -2, -0.5}, {-0.25}}, {{-1, -1}, {-2.5, -0.5, -2}}, {{-2}, {-0.5, -1}}, {{-0.5, -0.25}, {-3, -0.25, -1, -1}},
	},
	MismatchedLogps: [][][]float64{
		{{-1, -1}, {-0.5}}, {{-2}, {-0.25, -0.75}}, {{-0.5, -0.5, -1}, {-1}}, {{-0.125}, {-3, -1}},
	},
	MismatchedRefLogps: [][][]float64{
		{{-2, -1}, {-0.75}}, {{-1.5}, {-0.5, -1}}, {{-1, -0.5, -1.5}, {-1}}, {{-0.5}, {-3, -1.25}},
	},
	Rewards:        [][]float64{{1.5, -0.25}, {0.125, 0.5}, {-1, -3}, {2, 2.5}},
	Score:          [][]float64{{1, 0}, {0.5, -0.5}, {2, -1}, {1, 0}},
	ExampleColumns: map[string][]float64{"weight": {1, 1, 1, 1}},
}

// withLogits returns peerBatch with the divergences of two models, whose logits
// at each label token are student and teacher [token][vocab], row by row.
func withLogits() (in sdktest.Inputs, student, teacher [][]float64) {
	in = peerBatch
	in.ForwardKL, in.ReverseKL = make([][][]float64, len(in.Logps)), make([][][]float64, len(in.Logps))
	for b, rows := range in.Logps {
		in.ForwardKL[b], in.ReverseKL[b] = make([][]float64, len(rows)), make([][]float64, len(rows))
		for k, row := range rows {
			for range row {
				s, t := make([]float64, 7), make([]float64, 7)
				for v := range s {
					n := float64(len(s)*len(student) + v)
					s[v], t[v] = 2*math.Sin(n), 3*math.Cos(1.5*n)
				}
				in.ForwardKL[b][k] = append(in.ForwardKL[b][k], divergence(logSoftmax(t), logSoftmax(s)))
				in.ReverseKL[b][k] = append(in.ReverseKL[b][k], divergence(logSoftmax(s), logSoftmax(t)))
				student, teacher = append(student, s), append(teacher, t)
			}
		}
	}
	return in, student, teacher
}

// trl computes losses with TRL's own code. Its trainers are never made: their
// methods run on stand-ins that have what the methods read.
const trl = `
import json, sys, types, torch
from unittest.mock import MagicMock
torch.set_num_threads(1)
from trl import DPOTrainer, KTOTrainer, RewardTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.gkd import GKDTrainer
from trl.experimental.orpo import ORPOTrainer
job = json.loads(sys.argv[1])

def padded(rows):
    width = max(map(len, rows)) + 1  # the first position has no label before it
    mask = torch.tensor([[0] + [1] * len(r) + [0] * (width - 1 - len(r)) for r in rows])
    return torch.tensor([r + [0.0] * (width - 1 - len(r)) for r in rows], dtype=torch.float64), mask

halves = lambda pairs: ([p[0] for p in pairs], [p[1] for p in pairs])
chosen, rejected = halves(job["logps"])
ref_chosen, ref_rejected = halves(job["ref"])
logps, mask = padded(chosen + rejected)
total = lambda rows: torch.tensor([sum(r) for r in rows], dtype=torch.float64)
mean = lambda rows: torch.tensor([sum(r) / len(r) for r in rows], dtype=torch.float64)
nll = -sum(map(sum, chosen)) / sum(map(len, chosen))

# What a model says of the answers, chosen ones first.
zeros = torch.zeros_like(logps)
model = lambda **_: types.SimpleNamespace(log_probs=logps, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())
answers = {"input_ids": torch.zeros_like(mask), "attention_mask": mask, "completion_mask": mask}

def dpo(kinds, weights, beta, smoothing):
    trainer = MagicMock()
    trainer.aux_loss_enabled, trainer.ld_alpha, trainer.precompute_ref_logps, trainer.use_weighting = False, None, True, False
    trainer.f_divergence_type, trainer.loss_types, trainer.loss_weights = "reverse_kl", kinds, weights
    trainer.beta, trainer.label_smoothing, trainer.model.training = beta, smoothing, False
    trainer.accelerator.gather_for_metrics, trainer.accelerator.device = (lambda x: x), "cpu"
    inputs = answers | {"ref_chosen_logps": total(ref_chosen), "ref_rejected_logps": total(ref_rejected)}
    return DPOTrainer._compute_loss(trainer, model, inputs, False).item()

def cdpo(beta, smoothing):
    trainer = types.SimpleNamespace(alpha=0, beta=beta, loss_type="sigmoid", label_smoothing=smoothing,
                                    accelerator=types.SimpleNamespace(device="cpu"))
    return CPOTrainer.cpo_loss(trainer, total(chosen) - total(ref_chosen), total(rejected) - total(ref_rejected))[0].mean().item()

def kto(beta, desirable, undesirable):
    trainer = MagicMock()
    trainer.aux_loss_enabled, trainer.precompute_ref_logps, trainer.calculate_KL, trainer.loss_type = False, True, True, "kto"
    trainer.beta, trainer.desirable_weight, trainer.undesirable_weight, trainer.model.training = beta, desirable, undesirable, False
    trainer.accelerator.gather_for_metrics, trainer.accelerator.device = (lambda x: x), "cpu"
    trainer._compute_kl_logps = lambda *_: total(sum(halves(job["mismatched"]), []))
    inputs = answers | {"label": torch.tensor([1] * len(chosen) + [0] * len(rejected)), "ref_logps": total(ref_chosen + ref_rejected),
                        "ref_KL_logps": total(sum(halves(job["ref_mismatched"]), []))}
    return KTOTrainer._compute_loss(trainer, model, inputs, False).item()

def reward(margin, score_margin, center):
    trainer = MagicMock()
    trainer.model.training, trainer.args.center_rewards_coefficient = False, center
    rewards = torch.tensor(sum(halves(job["rewards"]), []), dtype=torch.float64)
    inputs = {} if margin is None else {"margin": torch.tensor([margin + score_margin * (s[0] - s[1]) for s in job["score"]])}
    return RewardTrainer.compute_loss(trainer, lambda **_: types.SimpleNamespace(logits=rewards[:, None]), inputs).item()

def gkd(beta):
    student, teacher = (torch.tensor([job[name]], dtype=torch.float64) for name in ("student", "teacher"))
    return GKDTrainer.generalized_jsd_loss(student, teacher, torch.zeros(student.shape[:2]), beta, temperature=1).item()

def cpo(kind, beta, smoothing, gamma, alpha, weight):
    of = mean if kind in ("ipo", "simpo") else total
    trainer = types.SimpleNamespace(alpha=alpha, beta=beta, loss_type=kind, simpo_gamma=gamma, label_smoothing=smoothing,
                                    accelerator=types.SimpleNamespace(device="cpu"))
    return (CPOTrainer.cpo_loss(trainer, of(chosen), of(rejected))[0].mean() + weight * nll).item()

def orpo(beta):
    trainer = types.SimpleNamespace(beta=beta, accelerator=types.SimpleNamespace(device="cpu"))
    return nll - ORPOTrainer.odds_ratio_loss(trainer, mean(chosen), mean(rejected))[0].mean().item()

json.dump([globals()[c[0]](*c[1:]) for c in job["cases"]], open(job["out"], "w"))
`

func TestPeerGivesTheSameLosses(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with trl")
	}
	batch, student, teacher := withLogits()
	pairs := "best_over_rest"
	cases := []struct {
		loss sdk.Loss
		peer []any // the function of trl and what it takes
	}{
		{dpo.Loss{Type: "sigmoid", Beta: 0.3, Pairs: pairs}, []any{"dpo", []string{"sigmoid"}, []float64{1}, 0.3, 0}},
		{dpo.Loss{Type: "robust", Beta: 0.3, LabelSmoothing: 0.1, Pairs: pairs}, []any{"dpo", []string{"robust"}, []float64{1}, 0.3, 0.1}},
		{dpo.Loss{Type: "hinge", Beta: 0.3, Pairs: pairs}, []any{"dpo", []string{"hinge"}, []float64{1}, 0.3, 0}},
		{dpo.Loss{Type: "ipo", Beta: 0.3, IPOLengthNormalize: true, Pairs: pairs}, []any{"dpo", []string{"ipo"}, []float64{1}, 0.3, 0}},
		{dpo.Loss{Type: "apo_zero", Beta: 0.3, Pairs: pairs}, []any{"dpo", []string{"apo_zero"}, []float64{1}, 0.3, 0}},
		{dpo.Loss{Type: "apo_down", Beta: 0.3, Pairs: pairs}, []any{"dpo", []string{"apo_down"}, []float64{1}, 0.3, 0}},
		{dpo.Loss{Type: "sigmoid,apo_down", Weights: "0.8,0.2", Beta: 0.3, Pairs: pairs}, []any{"dpo", []string{"sigmoid", "apo_down"}, []float64{0.8, 0.2}, 0.3, 0}},
		{dpo.Loss{Type: "sigmoid", Beta: 0.3, LabelSmoothing: 0.1, Pairs: pairs}, []any{"cdpo", 0.3, 0.1}}, // on log-ratios; TRL's dpo does not read it
		{kto.Loss{Beta: 0.3, DesirableWeight: 1, UndesirableWeight: 1}, []any{"kto", 0.3, 1, 1}},
		{kto.Loss{Beta: 0.2, DesirableWeight: 1.5, UndesirableWeight: 0.75}, []any{"kto", 0.2, 1.5, 0.75}},
		{reward.Loss{}, []any{"reward", nil, nil, nil}},
		{reward.Loss{Margin: 0.25, ScoreMargin: 0.5}, []any{"reward", 0.25, 0.5, nil}},
		{reward.Loss{Margin: 0.25, CenterRewards: 0.01}, []any{"reward", 0.25, 0, 0.01}},
		{distill.Loss{Direction: "forward"}, []any{"gkd", 0}},
		{distill.Loss{Direction: "reverse"}, []any{"gkd", 1}},
		{cpo.Loss{Type: "sigmoid", Beta: 0.3, LabelSmoothing: 0.1, Alpha: 1, Pairs: pairs}, []any{"cpo", "sigmoid", 0.3, 0.1, 0, 0, 1}},
		{cpo.Loss{Type: "hinge", Beta: 0.3, Alpha: 0.5, Pairs: pairs}, []any{"cpo", "hinge", 0.3, 0, 0, 0, 0.5}},
		{cpo.Loss{Type: "ipo", Beta: 0.3, Pairs: pairs}, []any{"cpo", "ipo", 0.3, 0, 0, 0, 0}},
		{cpo.Loss{Type: "simpo", Beta: 2, Gamma: 0.5, Shape: 0.25, Alpha: 1, Pairs: pairs}, []any{"cpo", "simpo", 2, 0, 0.5, 0.25, 1}},
		{simpo.Loss{Beta: 2, Gamma: 1, LabelSmoothing: 0.1, Pairs: pairs}, []any{"cpo", "simpo", 2, 0.1, 1, 0, 0}},
		{orpo.Loss{Beta: 0.2, Pairs: pairs}, []any{"orpo", 0.2}},
	}
	var asked [][]any
	for _, c := range cases {
		asked = append(asked, c.peer)
	}
	out := filepath.Join(t.TempDir(), "losses.json")
	job, err := json.Marshal(map[string]any{"logps": batch.Logps, "ref": batch.RefLogps, "mismatched": batch.MismatchedLogps,
		"ref_mismatched": batch.MismatchedRefLogps, "rewards": batch.Rewards, "score": batch.Score, "student": student, "teacher": teacher,
		"cases": asked, "out": out})
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", trl, string(job))
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "TRL_EXPERIMENTAL_SILENCE=1")
	printed, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	written, err := os.ReadFile(out)
	require.NoError(t, err)
	var losses []float64
	require.NoError(t, json.Unmarshal(written, &losses))
	for i, c := range cases {
		require.InDelta(t, losses[i], sdktest.Run(c.loss, batch).Loss, peerTolerance, "%v", c.peer)
		t.Logf("%v: %v, %.1g apart", c.peer, losses[i], math.Abs(losses[i]-sdktest.Run(c.loss, batch).Loss))
	}
}
