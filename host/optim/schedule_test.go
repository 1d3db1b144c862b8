package optim_test

import (
	"testing"

	"llmhost/host/optim"

	"github.com/stretchr/testify/require"
)

// Rates by hand: base rate 8, 4 steps of warm-up, 12 steps in all. The golden
// numbers of host/conformance compare the same with transformers.
func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		kind   string
		kwargs map[string]float64
		want   map[int]float64
	}{
		{"constant", nil, map[int]float64{0: 8, 1: 8, 20: 8}},
		{"constant_with_warmup", nil, map[int]float64{0: 0, 1: 2, 4: 8, 20: 8}},
		{"linear", nil, map[int]float64{0: 0, 2: 4, 4: 8, 6: 6, 12: 0, 20: 0}},
		{"cosine", nil, map[int]float64{2: 4, 4: 8, 8: 4, 12: 0}},
		{"cosine", map[string]float64{"num_cycles": 1}, map[int]float64{4: 8, 6: 4, 8: 0, 12: 8}},
		{"cosine_with_restarts", map[string]float64{"num_cycles": 2}, map[int]float64{4: 8, 6: 4, 8: 8, 10: 4, 12: 0, 20: 0}},
		{"polynomial", map[string]float64{"power": 2, "lr_end": 4}, map[int]float64{2: 4, 4: 8, 8: 5, 12: 4, 20: 4}},
		{"inverse_sqrt", nil, map[int]float64{2: 4, 4: 8, 16: 4}},
		{"inverse_sqrt", map[string]float64{"timescale": 1}, map[int]float64{4: 8, 7: 4}},
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
		s, err := optim.NewSchedule(kind, 1, 0, 10, nil)
		require.NoError(t, err)
		require.InDelta(t, 1, s.At(0), 1e-9, kind)
		if kind != "constant" && kind != "constant_with_warmup" {
			require.Less(t, s.At(10), s.At(0), kind)
		}
	}
}

func TestSchedulesThatAreNone(t *testing.T) {
	_, err := optim.NewSchedule("cosin", 1, 0, 10, nil)
	require.EqualError(t, err, `lr_scheduler_type is "cosin"; want one of linear, cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup, inverse_sqrt`)
	_, err = optim.NewSchedule("cosine", 1, 0, 10, map[string]float64{"power": 2})
	require.EqualError(t, err, `lr_scheduler_kwargs.power does not apply to "cosine"`)
	_, err = optim.NewSchedule("linear", 1, 0, 10, map[string]float64{"num_cycles": 2})
	require.EqualError(t, err, `lr_scheduler_kwargs.num_cycles does not apply to "linear"`)
}
