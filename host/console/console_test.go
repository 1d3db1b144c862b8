package console_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"llmhost/host/console"
	"llmhost/host/metrics"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// event is one of a run of 100 steps, four epochs.
func event(kind train.EventKind, step int, values ...metrics.Value) train.Event {
	return train.Event{Kind: kind, TotalSteps: 100, Path: "run/checkpoint-" + time.Duration(step).String(), Sets: [][]metrics.Value{values},
		Entry: metrics.Entry{Step: step, Epoch: float64(step) / 25, Values: values}}
}

var logged = []metrics.Value{{Name: "loss", Value: 2.34567}, {Name: "loss_rank", Value: 0.5}, {Name: "loss_tune", Value: 1.84567}, {Name: "rank_accuracy", Value: 0.51236},
	{Name: "grad_norm", Value: 0.98765}, {Name: "learning_rate", Value: 0.00012}, {Name: "tokens_per_second", Value: 12345.6}}

// Without a terminal each log entry is a line, with the remaining time
// at the pace since the first step of this process.
func TestLinesWhenPiped(t *testing.T) {
	var out bytes.Buffer
	c := console.New(&out, nil)
	clock := time.Unix(0, 0)
	c.SetClock(func() time.Time { return clock })
	c.Emit(event(train.Evaluated, 40, metrics.Value{Name: "eval_loss", Value: 3}, metrics.Value{Name: "eval_rank_accuracy", Value: 1}))
	clock = clock.Add(90 * time.Second)
	c.Emit(event(train.Stepped, 50, metrics.Value{Name: "loss", Value: 9}))
	c.Emit(event(train.Logged, 50, logged...))
	c.Emit(event(train.Saved, 50))
	c.Emit(event(train.Logged, 100, logged[:1]...))
	c.Emit(event(train.Evaluated, 100))
	require.Equal(t, []string{
		"step  40/100  epoch 1.60  eval_loss 3.0000  eval_rank_accuracy 100.0%",
		"step  50/100  epoch 2.00  loss 2.3457 (rank 0.5000, tune 1.8457)  rank_accuracy 51.2%  grad 0.9877  lr 1.2e-04  12,346 tokens/s  7m30s left",
		"step  50/100  epoch 2.00  saved run/checkpoint-50ns",
		"step 100/100  epoch 4.00  loss 2.3457",
		"step 100/100  epoch 4.00  the evaluation had nothing to count", ""}, strings.Split(out.String(), "\n"))
}

// Each evaluation set has a line of its own.
func TestLinesOfSeveralSets(t *testing.T) {
	var out bytes.Buffer
	e := event(train.Evaluated, 50)
	e.Sets = [][]metrics.Value{{{Name: "eval_one_loss", Value: 2}, {Name: "eval_one_accuracy", Value: 0.5}}, {{Name: "eval_two_loss", Value: 1}}}
	console.New(&out, nil).Emit(e)
	require.Equal(t, "step  50/100  epoch 2.00  eval_one_loss 2.0000  eval_one_accuracy 50.0%\n"+
		"step  50/100  epoch 2.00  eval_two_loss 1.0000\n", out.String())
}

// An evaluation that takes long says how far it is.
func TestLinesOfALongEvaluation(t *testing.T) {
	var out bytes.Buffer
	c := console.New(&out, nil)
	clock := time.Unix(0, 0)
	c.SetClock(func() time.Time { return clock })
	for range 2 { // two sets
		for done := 10; done <= 100; done += 10 {
			e := event(train.Evaluating, 50)
			e.Set, e.Done, e.Of = "held", done, 100
			c.Emit(e)
			clock = clock.Add(8 * time.Second)
		}
	}
	line := "step  50/100  epoch 2.00  evaluating held  %d/100 records\n"
	once := fmt.Sprintf(line, 50) + fmt.Sprintf(line, 90)
	require.Equal(t, once+once, out.String())
}

func TestBarOfAnEvaluation(t *testing.T) {
	var out, terminal bytes.Buffer
	c := console.New(&out, &terminal)
	for _, set := range []string{"one", "two"} {
		for done := 1; done <= 3; done++ {
			e := event(train.Evaluating, 50)
			e.Set, e.Done, e.Of = set, done, 3
			c.Emit(e)
		}
	}
	require.Empty(t, out.String())
	require.Contains(t, terminal.String(), "step 50/100  evaluating one  1/3 records")
	require.Contains(t, terminal.String(), "step 50/100  evaluating two  1/3 records")
}

// The first event of a process comes after its first step.
func TestTheFirstStepCounts(t *testing.T) {
	var out bytes.Buffer
	c := console.New(&out, nil)
	clock := time.Unix(0, 0)
	c.SetClock(func() time.Time { return clock })
	c.Emit(event(train.Stepped, 1))
	clock = clock.Add(10 * time.Second)
	c.Emit(event(train.Logged, 2, logged[0]))
	require.Equal(t, "step   2/100  epoch 0.08  loss 2.3457  8m10s left\n", out.String())
}

// On a terminal a bar is drawn instead of the log lines; notes and saves still
// get a line of their own.
func TestBarOnATerminal(t *testing.T) {
	var out, terminal bytes.Buffer
	c := console.New(&out, &terminal)
	for step := 1; step <= 100; step++ {
		c.Emit(event(train.Stepped, step, metrics.Value{Name: "loss", Value: 2.5}, metrics.Value{Name: "tokens_per_second", Value: 1234}))
		c.Emit(event(train.Logged, step, logged...))
		if step == 50 {
			c.Emit(event(train.Evaluated, step, metrics.Value{Name: "eval_loss", Value: 3}))
		}
	}
	c.Printf("end")
	require.Equal(t, "step  50/100  epoch 2.00  eval_loss 3.0000\nend\n", out.String())
	require.Contains(t, terminal.String(), "loss 2.5000  1,234 tokens/s")
	require.NotContains(t, terminal.String(), "\n")
	last := terminal.String()[strings.LastIndex(terminal.String(), "\r"):]
	require.Empty(t, strings.TrimSpace(strings.NewReplacer("\r", "", "\033[2K", "").Replace(last)), "the bar is wiped away before a line")
}

func TestSummary(t *testing.T) {
	var out bytes.Buffer
	c := console.New(&out, nil)
	c.Summary([]metrics.Value{{Name: "eval_loss", Value: 5.1}, {Name: "eval_rank_accuracy", Value: 0.5}},
		[]metrics.Value{{Name: "eval_loss", Value: 1.25}, {Name: "eval_rank_accuracy", Value: 0.925}, {Name: "eval_new", Value: 123456}})
	require.Equal(t, `
                        before       after
eval_loss               5.1000      1.2500
eval_rank_accuracy       50.0%       92.5%
eval_new                          1.23e+05

`, out.String())
	out.Reset()
	c.Summary(nil, nil)
	require.Empty(t, out.String())
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		name  string
		value float64
		want  string
	}{
		{"loss", 0.123456, "0.1235"}, {"eval_perplexity", 54321, "5.43e+04"}, {"loss", -12345, "-1.23e+04"},
		{"eval_best_of_k_accuracy", 1, "100.0%"}, {"learning_rate", 5e-5, "5.0e-05"}, {"tokens_per_second", 1234567, "1,234,567"},
	} {
		require.Equal(t, c.want, console.Number(c.name, c.value), c.name)
	}
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 999999.6: "1,000,000", -1234: "-1,234", -123: "-123"} {
		require.Equal(t, want, console.Thousands(v))
	}
	for d, want := range map[time.Duration]string{0: "0s", 59400 * time.Millisecond: "59s", 59600 * time.Millisecond: "1m00s", 65 * time.Second: "1m05s", 2*time.Hour + 3*time.Minute: "2h03m"} {
		require.Equal(t, want, console.Duration(d))
	}
}
