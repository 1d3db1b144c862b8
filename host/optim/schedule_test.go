package optim_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"llmhost/host/optim"

	"github.com/stretchr/testify/require"
)

// Rates by hand: base rate 8, 4 steps of warm-up, 12 steps in all. The golden
// numbers of host/conformance compare the same with transformers.
func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		kind   string
		kwargs map[string]any
		want   map[int]float64
	}{
		{"constant", nil, map[int]float64{0: 8, 1: 8, 20: 8}},
		{"constant_with_warmup", nil, map[int]float64{0: 0, 1: 2, 4: 8, 20: 8}},
		{"linear", nil, map[int]float64{0: 0, 2: 4, 4: 8, 6: 6, 12: 0, 20: 0}},
		{"cosine", nil, map[int]float64{2: 4, 4: 8, 8: 4, 12: 0}},
		{"cosine", map[string]any{"num_cycles": 1.0}, map[int]float64{4: 8, 6: 4, 8: 0, 12: 8}},
		{"cosine_with_restarts", map[string]any{"num_cycles": 2.0}, map[int]float64{4: 8, 6: 4, 8: 8, 10: 4, 12: 0, 20: 0}},
		{"polynomial", map[string]any{"power": 2.0, "lr_end": 4.0}, map[int]float64{2: 4, 4: 8, 8: 5, 12: 4, 20: 4}},
		{"inverse_sqrt", nil, map[int]float64{2: 4, 4: 8, 16: 4}},
		{"inverse_sqrt", map[string]any{"timescale": 1.0}, map[int]float64{4: 8, 7: 4}},
		{"cosine_with_min_lr", map[string]any{"min_lr": 2.0}, map[int]float64{2: 4, 4: 8, 8: 5, 12: 2}},
		{"cosine_with_min_lr", map[string]any{"min_lr_rate": 0.25}, map[int]float64{2: 4, 4: 8, 8: 5, 12: 2}},
		{"cosine_warmup_with_min_lr", map[string]any{"min_lr_rate": 0.25}, map[int]float64{0: 2, 3: 8, 7: 5, 11: 2}},
		{"cosine_warmup_with_min_lr", map[string]any{"min_lr_rate": 0.0, "warmup_lr_rate": 0.25}, map[int]float64{0: 2, 1: 4, 3: 8, 11: 0}},
		{"warmup_stable_decay", map[string]any{"num_decay_steps": 4.0}, map[int]float64{0: 0, 2: 4, 4: 8, 7: 8, 8: 8, 10: 4, 12: 0, 20: 0}},
		{"warmup_stable_decay", map[string]any{"num_decay_steps": 4.0, "decay_type": "linear", "min_lr_ratio": 0.5}, map[int]float64{0: 4, 2: 6, 4: 8, 8: 8, 10: 6, 12: 4, 20: 4}},
		{"warmup_stable_decay", map[string]any{"num_decay_steps": 4.0, "decay_type": "1-sqrt", "warmup_type": "1-sqrt"}, map[int]float64{0: 0, 3: 4, 8: 8, 9: 4, 12: 0}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			s, err := optim.NewSchedule(c.kind, 8, 4, 12, c.kwargs)
			require.NoError(t, err)
			for step, want := range c.want {
				require.InDelta(t, want, s.At(step), 1e-12, "step %d", step)
			}
		})
	}
}

func TestEveryScheduleTypeHasARule(t *testing.T) {
	require.NotEmpty(t, optim.ScheduleTypes)
	for _, kind := range optim.ScheduleTypes {
		kwargs := map[string]map[string]any{
			"cosine_with_min_lr":        {"min_lr": 0.5},
			"cosine_warmup_with_min_lr": {"min_lr": 0.5},
			"warmup_stable_decay":       {"num_decay_steps": 5.0},
		}[kind]
		s, err := optim.NewSchedule(kind, 1, 0, 10, kwargs)
		require.NoError(t, err)
		require.InDelta(t, 1, s.At(0), 0.02, kind)
		if kind != "constant" && kind != "constant_with_warmup" {
			require.Less(t, s.At(10), s.At(0), kind)
		}
	}
}

// phases are those of a schedule that cannot be as it is asked for.
func TestPhasesThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		kind, want string
		kwargs     map[string]any
	}{
		{"cosine_with_min_lr", `lr_scheduler_type "cosine_with_min_lr" wants one of lr_scheduler_kwargs.min_lr and min_lr_rate, its share of learning_rate`, nil},
		{"cosine_warmup_with_min_lr", `lr_scheduler_type "cosine_warmup_with_min_lr" wants one of lr_scheduler_kwargs.min_lr and min_lr_rate, its share of learning_rate`, map[string]any{"min_lr": 1.0, "min_lr_rate": 0.5}},
		{"warmup_stable_decay", `lr_scheduler_type "warmup_stable_decay" wants lr_scheduler_kwargs.num_decay_steps`, nil},
		{"warmup_stable_decay", "lr_scheduler_kwargs.num_decay_steps is 9; want at most 8: the run has 12 steps, of which 4 warm up", map[string]any{"num_decay_steps": 9.0}},
		{"warmup_stable_decay", "lr_scheduler_kwargs.num_stable_steps is 2, so that the rate is 0 from step 9 of 12; leave it out, or set min_lr_ratio", map[string]any{"num_decay_steps": 3.0, "num_stable_steps": 2.0}},
		{"warmup_stable_decay", "lr_scheduler_kwargs.decay_type is steep; want one of linear, cosine, 1-sqrt", map[string]any{"num_decay_steps": 3.0, "decay_type": "steep"}},
	} {
		_, err := optim.NewSchedule(c.kind, 1, 4, 12, c.kwargs)
		require.EqualError(t, err, c.want)
	}
}

// peerSchedules prints the rates of transformers' schedules, a list for each of
// the cases on its input.
const peerSchedules = `
import json, sys, torch, transformers
rates = []
for kind, warmup, total, kwargs in json.load(sys.stdin):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = transformers.get_scheduler(kind, optimizer, warmup, total, kwargs)
    rates.append([schedule.lr_lambdas[0](step) * 0.5 for step in range(total + 3)])
print(json.dumps(rates))`

// Every schedule has transformers' rates, in every form that its settings allow.
func TestSchedulesAreThoseOfThePeer(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON does not name a Python with transformers")
	}
	cases := [][]any{{"linear", 3, 20, nil}, {"cosine", 0, 17, map[string]any{"num_cycles": 1.5}}, {"polynomial", 4, 20, map[string]any{"power": 2.0, "lr_end": 0.125}}}
	for _, warmup := range []int{0, 1, 5} {
		for _, kind := range []string{"cosine_with_min_lr", "cosine_warmup_with_min_lr"} {
			cases = append(cases, []any{kind, warmup, 20, map[string]any{"min_lr": 0.125}}, []any{kind, warmup, 20, map[string]any{"min_lr_rate": 0.1, "num_cycles": 0.75}})
		}
		cases = append(cases, []any{"cosine_warmup_with_min_lr", warmup, 20, map[string]any{"min_lr_rate": 0.1, "warmup_lr_rate": 0.3}})
		for _, rise := range optim.Curves {
			for _, fall := range optim.Curves {
				shape := map[string]any{"num_decay_steps": 6.0, "warmup_type": rise, "decay_type": fall}
				cases = append(cases, []any{"warmup_stable_decay", warmup, 20, shape},
					[]any{"warmup_stable_decay", warmup, 20, map[string]any{"num_decay_steps": 6.0, "num_stable_steps": 4.0, "min_lr_ratio": 0.2, "decay_type": fall}})
			}
		}
	}
	in, err := json.Marshal(cases)
	require.NoError(t, err)
	run := exec.Command(python, "-W", "ignore", "-c", peerSchedules)
	run.Stdin = bytes.NewReader(in)
	out, err := run.Output()
	require.NoError(t, err)
	var rates [][]float64
	require.NoError(t, json.Unmarshal(out, &rates))
	for i, c := range cases {
		kwargs, _ := c[3].(map[string]any)
		s, err := optim.NewSchedule(c[0].(string), 0.5, c[1].(int), c[2].(int), kwargs)
		require.NoError(t, err)
		for step, want := range rates[i][:c[2].(int)] {
			require.InDelta(t, want, s.At(step), 1e-12, "%v at step %d", c, step)
		}
	}
}

func TestSchedulesThatAreNone(t *testing.T) {
	_, err := optim.NewSchedule("cosin", 1, 0, 10, nil)
	require.EqualError(t, err, `lr_scheduler_type is "cosin"; want one of linear, cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup, inverse_sqrt, cosine_with_min_lr, cosine_warmup_with_min_lr, warmup_stable_decay`)
	_, err = optim.NewSchedule("cosine", 1, 0, 10, map[string]any{"power": 2.0})
	require.EqualError(t, err, `lr_scheduler_kwargs.power does not apply to "cosine"`)
	_, err = optim.NewSchedule("linear", 1, 0, 10, map[string]any{"num_cycles": 2.0})
	require.EqualError(t, err, `lr_scheduler_kwargs.num_cycles does not apply to "linear"`)
}
