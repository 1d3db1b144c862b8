package train_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"llmhost/host/data"
	"llmhost/host/tensor"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

func TestNewPlan(t *testing.T) {
	for _, c := range []struct {
		name                 string
		records, batch, accu int
		epochs               float64
		maxSteps             int
		perEpoch, total      int
	}{
		{"even", 8, 2, 2, 3, 0, 2, 6},
		{"short last batch", 9, 2, 2, 1, 0, 3, 3},
		{"less than one step", 3, 8, 4, 2, 0, 1, 2},
		{"part of an epoch", 10, 1, 1, 0.25, 0, 10, 3},
		{"steps win over epochs", 10, 1, 1, 3, 4, 10, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := train.NewPlan(c.records, c.batch, c.accu, c.epochs, c.maxSteps)
			require.Equal(t, c.perEpoch, p.StepsPerEpoch)
			require.Equal(t, c.total, p.TotalSteps)
		})
	}
}

// What is left of a run is counted in records, whatever the size of the steps before.
func TestPlanAfterStepsOfAnotherSize(t *testing.T) {
	for _, c := range []struct {
		name                 string
		records, batch, accu int
		epochs               float64
		maxSteps             int
		steps                int // made so far
		at                   data.Cursor
		total, records0      int // of the plan, and left
	}{
		{"the same size", 40, 4, 1, 4, 0, 25, data.Cursor{Epoch: 2, Next: 20}, 40, 60},
		{"twice the size", 40, 8, 1, 4, 0, 25, data.Cursor{Epoch: 2, Next: 20}, 33, 60},
		{"half the size", 40, 2, 1, 4, 0, 25, data.Cursor{Epoch: 2, Next: 20}, 55, 60},
		{"twice the accumulation", 40, 4, 2, 4, 0, 25, data.Cursor{Epoch: 2, Next: 20}, 33, 60},
		{"more epochs", 40, 4, 1, 6, 0, 25, data.Cursor{Epoch: 2, Next: 20}, 60, 140},
		{"at the end of an epoch", 40, 8, 1, 4, 0, 20, data.Cursor{Epoch: 1, Next: 40}, 30, 80},
		{"at the end", 40, 8, 1, 4, 0, 40, data.Cursor{Epoch: 3, Next: 40}, 40, 0},
		{"past the end", 40, 4, 1, 2, 0, 25, data.Cursor{Epoch: 2, Next: 20}, 25, -20},
		{"part of an epoch", 40, 8, 1, 2.5, 0, 22, data.Cursor{Epoch: 2, Next: 8}, 24, 16},
		{"an uneven epoch", 11, 3, 1, 2, 0, 3, data.Cursor{Epoch: 0, Next: 6}, 9, 16},
		{"max_steps", 40, 8, 1, 4, 30, 25, data.Cursor{Epoch: 2, Next: 20}, 30, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := train.NewPlan(c.records, c.batch, c.accu, c.epochs, c.maxSteps).After(c.steps, c.at)
			require.Equal(t, c.total, p.TotalSteps)
			if c.maxSteps == 0 {
				require.Equal(t, c.records0, p.RecordsLeft(c.at))
			}
		})
	}
}

// A plan is the same wherever a run of steps of its size is resumed, and its
// schedule where the steps were of another size goes on at the share that is done.
func TestPlanAfterStepsOfItsOwnSize(t *testing.T) {
	for _, accumulation := range []int{1, 3} {
		for _, epochs := range []float64{0.3, 1, 2.5, 3} {
			want := train.NewPlan(23, 4, accumulation, epochs, 0)
			b := data.NewShuffled(make(data.InMemory, 23), nil, 1)
			for step := 1; step <= want.TotalSteps; step++ {
				_, err := data.Step(b, 4, accumulation)
				require.NoError(t, err)
				require.Equal(t, want, want.After(step, b.Cursor()), "%v epochs, accumulation %d, step %d", epochs, accumulation, step)
			}
		}
	}
	larger := train.NewPlan(40, 8, 1, 4, 0).After(25, data.Cursor{Epoch: 2, Next: 20})
	require.Equal(t, 12, 25-larger.ScheduleShift(), "of 20 steps, where 100 of 160 records are done")
	smaller := train.NewPlan(40, 2, 1, 4, 0).After(25, data.Cursor{Epoch: 2, Next: 20})
	require.Equal(t, 50, 25-smaller.ScheduleShift(), "of 80 steps")
}

// recorded is a loop over eight examples in steps of up to six, two an epoch,
// and its events.
type recorded struct {
	train.Loop
	examples []data.Example // that it trains on
	told     []string
	saves    int
}

func newLoop(t *testing.T, plan func(*train.Plan)) *recorded {
	t.Helper()
	examples := uneven(21, true)
	r := &recorded{examples: examples}
	r.Plan = train.NewPlan(len(examples), 3, 2, 2, 0)
	r.Plan.EvalBatchSize = 3
	plan(&r.Plan)
	r.Trainer = newTrainer(t, newModel(t, "llama", tensor.Float32), loss(t, "rrhf", nil), 0.01, train.Options{MaxGradNorm: 1, SharePrefix: true})
	r.Batches = data.NewShuffled(data.InMemory(examples), nil, 1)
	r.Eval = []train.EvalSet{{Prefix: "eval_", Records: 22, Batches: data.InOrder(data.InMemory(uneven(22, true)), nil)}}
	r.Save = func() (string, error) { r.saves++; return fmt.Sprintf("checkpoint-%d", r.Trainer.GlobalStep), nil }
	r.Emit = func(e train.Event) error {
		if e.Kind == train.Evaluating {
			return nil
		}
		kind := map[train.EventKind]string{train.Stepped: "step", train.Logged: "log", train.Evaluated: "eval", train.Saved: "save"}[e.Kind]
		r.told = append(r.told, fmt.Sprintf("%s %d", kind, e.Step))
		return nil
	}
	return r
}

func TestLoopDoesWhatIsDue(t *testing.T) {
	for _, c := range []struct {
		name string
		plan func(*train.Plan)
		want []string
	}{
		{"nothing", func(*train.Plan) {}, []string{"step 1", "step 2", "step 3", "step 4", "log 4", "eval 4"}},
		{"all", func(p *train.Plan) {
			p.LogSteps, p.EvalSteps, p.SaveSteps, p.LogFirst, p.EvalAtBeginning = 2, 3, 3, true, true
		}, []string{"eval 0", "step 1", "log 1", "step 2", "log 2", "step 3", "eval 3", "save 3", "step 4", "log 4", "eval 4", "save 4"}},
		{"nothing twice at the end", func(p *train.Plan) { p.LogSteps, p.EvalSteps, p.SaveSteps = 4, 4, 4 },
			[]string{"step 1", "step 2", "step 3", "step 4", "log 4", "eval 4", "save 4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newLoop(t, c.plan)
			require.NoError(t, r.Run(context.Background()))
			require.Equal(t, c.want, r.told)
		})
	}
}

// Two epochs see every token twice: no step crosses the end of an epoch, and
// the short last batches are not left out.
func TestLoopSeesEveryExampleOnceAnEpoch(t *testing.T) {
	r := newLoop(t, func(*train.Plan) {})
	require.NoError(t, r.Run(context.Background()))
	tokens := data.Pack(uneven(21, true), false).Tokens
	require.EqualValues(t, 2*tokens, r.TrainedTokens)
}

func TestLoopStopsWhereItIsAskedTo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	stopAt := func(r *recorded, step int) {
		emit := r.Emit
		r.Emit = func(e train.Event) error {
			if e.Kind == train.Stepped && e.Step == step {
				cancel()
			}
			return emit(e)
		}
	}
	r := newLoop(t, func(p *train.Plan) { p.SaveSteps = 3 })
	stopAt(r, 2)
	var stopped *train.Interrupted
	require.ErrorAs(t, r.Run(ctx), &stopped)
	require.Equal(t, train.Interrupted{Step: 2, Checkpoint: "checkpoint-2", CanSave: true}, *stopped)
	require.EqualError(t, stopped, "interrupted after step 2; checkpoint-2 holds the state of the run")
	require.Equal(t, []string{"step 1", "step 2", "save 2"}, r.told)

	r = newLoop(t, func(*train.Plan) {})
	require.ErrorAs(t, r.Run(ctx), &stopped)
	require.EqualError(t, stopped, "interrupted before the first step; there is nothing to save")
	r.Trainer.GlobalStep = 2
	require.ErrorAs(t, r.Run(ctx), &stopped)
	require.EqualError(t, stopped, `interrupted after step 2; save_strategy is "no", so nothing was saved`)
	r = newLoop(t, func(p *train.Plan) { p.SaveSteps = 3 })
	r.Trainer.GlobalStep = 2 // resumed there
	require.ErrorAs(t, r.Run(ctx), &stopped)
	require.EqualError(t, stopped, "interrupted after step 2; the last checkpoint holds all of it")
}

func TestLoopEndsAtAnError(t *testing.T) {
	full := errors.New("disk full")
	r := newLoop(t, func(p *train.Plan) { p.SaveSteps = 1 })
	r.Save = func() (string, error) { return "", full }
	require.ErrorIs(t, r.Run(context.Background()), full)
	require.Equal(t, []string{"step 1"}, r.told)

	r = newLoop(t, func(*train.Plan) {})
	r.Emit = func(train.Event) error { return full }
	require.ErrorIs(t, r.Run(context.Background()), full)
}

// The smallest of the steps that are left is one of those that end an epoch.
func TestSmallestStep(t *testing.T) {
	for records := 1; records < 9; records++ {
		for _, batch := range []int{1, 2, 3} {
			for _, accumulation := range []int{1, 2} {
				for maxSteps := 0; maxSteps < 9; maxSteps++ {
					p := train.NewPlan(records, batch, accumulation, 2, maxSteps)
					order := data.NewOrder(records, 1, true)
					var sizes []int
					for range p.TotalSteps {
						sizes = append(sizes, len(order.Next(batch*accumulation)))
					}
					order = data.NewOrder(records, 1, true)
					for done := range sizes {
						got := p.Smallest(done, order.Cursor())
						require.Equal(t, slices.Min(sizes[done:]), got, "%d records by %d times %d, %d steps, after %d", records, batch, accumulation, maxSteps, done)
						order.Next(batch * accumulation)
					}
					require.Zero(t, p.Smallest(p.TotalSteps, order.Cursor()))
				}
			}
		}
	}
}
