package train_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"llmhost/host/data"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/optim"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/train"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// never is more steps than a test makes.
const never = 1000

// A step reads nothing back, of any task, however its loss is made: with means
// over the step, states, references, adapters, either denominator, clipping and
// either kernel of the optimizer. What is read is read when it is asked for.
func TestStepsReadNothingBack(t *testing.T) {
	heads := model.Heads{LM: true, Score: true, Codebase: true, Classes: []model.ClassHead{
		{Name: "label", Labels: []string{"a", "b", "c"}}, {Name: "other", Labels: []string{"x", "y"}}}}
	ref := newModel(t, "qwen2", tensor.Float32)
	for _, l := range losses {
		p := component(t, plugin.Loss, l.loss, l.params)
		for _, o := range []struct {
			name    string
			options train.Options
			fused   bool
			adapter bool
		}{
			{"plain", train.Options{CheckEvery: never, SharePrefix: true, MaxLength: 64}, true, false},
			{"clipped, checkpointed and foreach", train.Options{CheckEvery: never, MaxGradNorm: 1e-3, Checkpointing: true, MaxLength: 64}, false, false},
			{"micro-batch means, with an adapter", train.Options{CheckEvery: never, MicroMean: true, MaxGradNorm: 1, MaxLength: 64}, true, true},
		} {
			t.Run(l.name+"/"+o.name, func(t *testing.T) {
				m := headed(t, tensor.Float32, heads)
				reference := ref
				if o.adapter {
					attach(t, m)
					reference = nil // the model without its adapter
				}
				trainer := trainerOf(t, m, p, reference, o.options, o.fused)
				micro := cut(everything(l.lists), 4)
				report, err := trainer.Step(micro) // makes tables and states
				require.NoError(t, err)
				before := trainedWeights(m)

				reads := tensor.ReadBacks()
				for range 2 {
					report, err = trainer.Step(micro)
					require.NoError(t, err)
				}
				require.Equal(t, reads, tensor.ReadBacks())
				require.False(t, report.Checked)

				require.NotZero(t, report.Read().Loss)
				require.Equal(t, reads+1, tensor.ReadBacks(), "all numbers of a step are read at once")
				require.NoError(t, trainer.Check())
				require.Equal(t, reads+2, tensor.ReadBacks())
				require.NotEqual(t, before, trainedWeights(m))
			})
		}
	}
}

func attach(t *testing.T, m *model.Model) {
	t.Helper()
	config := lora.Default()
	config.Targets = lora.ParseModules([]string{lora.AllLinear})
	_, err := lora.Attach(m.Params(), config, m.HeadParams())
	require.NoError(t, err)
}

// trainerOf makes a trainer whose loss has all that it may read.
func trainerOf(t *testing.T, m *model.Model, p *program.Program, reference *model.Model, o train.Options, fused bool) *train.Trainer {
	t.Helper()
	adam := optim.NewAdamW(m.Params().Trained(), optim.Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Fused: fused})
	t.Cleanup(adam.Free)
	schedule, err := optim.NewSchedule("constant", 1e-3, 0, 1, nil)
	require.NoError(t, err)
	loss := objective.New(p, tensor.CPU, tensor.Float32)
	t.Cleanup(loss.Free)
	loss.Pooling, loss.Reference.Model = poolingProgram(t, "eos"), reference
	trainer := &train.Trainer{Model: m, Objective: loss, Optimizer: adam, Schedule: schedule, Options: o}
	t.Cleanup(trainer.Free)
	return trainer
}

func trainedWeights(m *model.Model) map[string][]float64 {
	out := map[string][]float64{}
	for _, p := range m.Params().Trained() {
		out[p.Name] = p.Tensor.Floats()
	}
	return out
}

// However late a step that is not finite is found, its error is the same as when
// found at once, and weights, optimizer and states are those before it.
func TestLateChecksFindTheFirstBadStep(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(examples []data.Example)
		want  string
	}{
		{"a loss", func(examples []data.Example) { examples[5].ExampleColumns["weight"] = math.NaN() },
			"step 3: the loss of the batch of data.jsonl:5, data.jsonl:6 is NaN; lower learning_rate or look at these records"},
		{"a gradient", func(examples []data.Example) { examples[5].ExampleColumns["weight"] = 0 },
			"step 3: the gradient norm of the batch of data.jsonl:1, data.jsonl:2, data.jsonl:3, data.jsonl:4 and 4 more is NaN; lower learning_rate or look at these records"},
	} {
		for _, fused := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, fused %v", c.name, fused), func(t *testing.T) {
				bad := uneven(6, false)
				c.spoil(bad)
				run := func(every, steps int) (*train.Trainer, error) {
					m := newModel(t, "llama", tensor.Float32)
					trainer := trainerOf(t, m, sizes(t), nil, train.Options{MaxGradNorm: 1, CheckEvery: every}, fused)
					for step := range steps {
						examples := uneven(6, false)
						if step == 2 {
							examples = bad
						}
						if _, err := trainer.Step(cut(examples, 2)); err != nil {
							return trainer, err
						}
					}
					return trainer, trainer.Check()
				}
				good, err := run(1, 2)
				require.NoError(t, err)
				atOnce, err := run(1, 3)
				var first *train.NonFiniteError
				require.ErrorAs(t, err, &first)
				require.Contains(t, first.Error(), c.want)

				for _, late := range []struct{ every, steps int }{{4, 8}, {10, 9}, {never, 3}} {
					trainer, err := run(late.every, late.steps)
					var failed *train.NonFiniteError
					require.ErrorAs(t, err, &failed)
					require.Equal(t, first.Error(), failed.Error())
					for _, other := range []*train.Trainer{good, atOnce} {
						require.Equal(t, weights(other.Model), weights(trainer.Model))
						require.Equal(t, optimizerState(other), optimizerState(trainer))
					}
					require.Equal(t, 2, trainer.GlobalStep)

					_, err = trainer.Step(cut(uneven(6, false), 2)) // and the trainer is as good as new
					require.NoError(t, err)
					require.NoError(t, trainer.Check())
					require.NotEqual(t, weights(good.Model), weights(trainer.Model))
				}
			})
		}
	}
}

// sizes is a loss that adds up √(weight · log-probability)² over examples: where a
// weight is 0, it is finite and has no gradient.
func sizes(t *testing.T) *program.Program {
	t.Helper()
	p, err := program.Parse([]byte(`{"llmhost_program":1,"kind":"loss","inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]},{"name":"example_column.weight","dtype":"f32","shape":["B"]}],
"nodes":[{"op":"sum","in":[0],"attrs":{"dim":2}},{"op":"sum","in":[2],"attrs":{"dim":1}},{"op":"mul","in":[3,1]},{"op":"square","in":[4]},{"op":"sqrt","in":[5]},{"op":"sum","in":[6]}],
"terms":[{"name":"size","sum":7}]}`))
	require.NoError(t, err)
	return p
}

// States of a loss are unchanged, too.
func TestStatesStayAtABadStep(t *testing.T) {
	p := component(t, plugin.Loss, "sft", map[string]any{"sft_reduction": "seq_mean", "kl_coef": 0.3, "kl_penalty_mode": "abs", "adaptive_kl_ctrl": true})
	m := newModel(t, "llama", tensor.Float32)
	trainer := trainerOf(t, m, p, newModel(t, "qwen2", tensor.Float32), train.Options{CheckEvery: never}, true)
	initial := trainer.Objective.States()
	_, err := trainer.Step(cut(uneven(6, false), 4))
	require.NoError(t, err)
	after := trainer.Objective.States()
	require.NotEqual(t, initial, after)

	bad := uneven(6, false)
	bad[0].ExampleColumns["weight"] = math.Inf(1)
	for _, examples := range [][]data.Example{bad, uneven(6, false)} {
		_, err = trainer.Step(cut(examples, 4))
		require.NoError(t, err)
		require.Equal(t, after, trainer.Objective.States())
	}
	require.ErrorContains(t, trainer.Check(), "step 2: the loss of the batch of ")
}

// A loop whose steps are not read reads back only what it logs, and logs the same
// as a loop that reads each step.
func TestLoopReadsWhereItLogs(t *testing.T) {
	run := func(every int) (logged []string, reads int64) {
		r := newLoop(t, func(p *train.Plan) { p.LogSteps = 3 })
		r.Eval = nil
		r.Trainer.Options.CheckEvery = every
		r.Emit = func(e train.Event) error {
			if e.Kind != train.Logged {
				return nil
			}
			for _, v := range e.Values {
				if v.Name != "tokens_per_second" {
					logged = append(logged, fmt.Sprintf("%d %s %v", e.Step, v.Name, v.Value))
				}
			}
			return nil
		}
		before := tensor.ReadBacks()
		require.NoError(t, r.Run(context.Background()))
		return logged, tensor.ReadBacks() - before
	}
	each, _ := run(1)
	few, reads := run(never)
	require.NotEmpty(t, each)
	require.Equal(t, each, few)
	// Of the first step flag and report; of both log entries flag, report and sums.
	require.EqualValues(t, 2+2*3, reads)
}

// A bad step is found before anything is logged, evaluated or saved after it.
func TestLoopChecksBeforeItWrites(t *testing.T) {
	for name, plan := range map[string]func(*train.Plan){
		"log":        func(p *train.Plan) { p.LogSteps = 3 },
		"evaluation": func(p *train.Plan) { p.EvalSteps = 3 },
		"checkpoint": func(p *train.Plan) { p.SaveSteps = 3 },
		"end":        func(*train.Plan) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := newLoop(t, plan)
			r.Trainer = newTrainer(t, newModel(t, "llama", tensor.Float32), sizes(t), 0.01, train.Options{CheckEvery: never})
			emit := r.Emit
			r.Emit = func(e train.Event) error {
				if e.Kind == train.Stepped && e.Step == 1 {
					for i := range r.examples { // step 2 is broken
						r.examples[i].ExampleColumns["weight"] = math.NaN()
					}
				}
				return emit(e)
			}
			err := r.Run(context.Background())
			var failed *train.NonFiniteError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, 2, failed.Step)
			require.Zero(t, r.saves)
			require.NotContains(t, r.told, "log 3")
			require.NotContains(t, r.told, "eval 3")
			require.NotContains(t, r.told, "log 4")
		})
	}
}
