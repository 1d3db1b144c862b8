package mutants

import "llmhost/sdk"

// plain answers a question and gives a score for each candidate.
var (
	plainAnswers = qa{func(question, answer string, o *sdk.Out) error {
		o.Candidate(question+"\n", answer)
		return nil
	}}
	classedAnswers = qa{func(question, answer string, o *sdk.Out) error {
		o.Candidate("", question)
		o.Label("topic", answer)
		return nil
	}}
)

// gives is a formatter that says what it gives.
type gives struct {
	sdk.Formatter
	outputs []sdk.Output
}

func (f gives) Gives() []sdk.Output { return f.outputs }

type strength struct {
	Beta float64 `llmhost:"beta,default=0.1,min=0,max=1,doc=strength"`
}

func (l strength) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	return term(x.gap.MulScalar(l.Beta).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

// tasks put parts together that do not fit.
func tasks() []Mutant {
	likelihood := trace(func(g *sdk.Graph) sdk.Objective { return term(g.Logps().Sum().Neg(), g.LabelMask().Sum()) })
	classes := trace(func(g *sdk.Graph) sdk.Objective {
		return sdk.Objective{Terms: []sdk.Term{headTerm(g, "topic", "topic", g.Label("topic").To(sdk.F32).OnesLike())}}
	})
	rewards := trace(func(g *sdk.Graph) sdk.Objective {
		r, score, real := g.Rewards(), g.Column("score"), g.Real()
		better := score.Unsqueeze(2).Gt(score.Unsqueeze(1)).And(both(real))
		return term(r.Unsqueeze(2).Sub(r.Unsqueeze(1)).LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
	})
	made := func(name, bug string, loss sdk.Loss, f sdk.Formatter, task sdk.Task, checks ...string) Mutant {
		p := sdk.Plugin{Name: name, Version: "0.0.1", Doc: bug, Losses: []sdk.LossSpec{sdk.NewLoss("own", bug, loss)}}
		if f != nil {
			p.Formatters = []sdk.FormatterSpec{sdk.NewFormatter("own", bug, f)}
		}
		task.Name, task.Loss = name, "own"
		p.Tasks = []sdk.Task{task}
		return Mutant{Bug: bug, Checks: checks, Plugin: p}
	}
	meanPool := pool(func(g *sdk.Graph) sdk.Tensor { return meanOf(g, g.Sequence().OnesLike().EqScalar(1)) })
	pooled := func(m Mutant) Mutant {
		m.Plugin.Poolings = []sdk.PoolingSpec{sdk.NewPooling("own", "mean", meanPool)}
		return m
	}
	return []Mutant{
		made("task-formatter-unknown", "the formatter is called otherwise", likelihood, nil, sdk.Task{Formatter: "builtin:promptanswers", Head: sdk.LMHead}, "parts"),
		made("task-pooling-unknown", "the pooling is called otherwise", rewards, nil, sdk.Task{Formatter: "builtin:preference", Pooling: "builtin:eosx", Head: sdk.ScoreHead}, "parts"),
		made("task-own-formatter-unknown", "the formatter is another plugin's, without its prefix", likelihood, nil, sdk.Task{Formatter: "promptanswer", Head: sdk.LMHead}, "parts", "load"),
		made("task-head-unknown", "the head is misspelt", likelihood, nil, sdk.Task{Formatter: "builtin:promptanswer", Head: "lmm"}, "head", "load"),
		made("task-other-head", "the loss reads rewards, the task has the token head", rewards, nil, sdk.Task{Formatter: "builtin:preference", Head: sdk.LMHead}, "head"),
		made("task-without-column", "the loss reads a score that the formatter does not give", strength{}, plainAnswers, sdk.Task{Formatter: "own", Head: sdk.LMHead}, "data"),
		made("task-column-undeclared-kind", "the loss reads a score of each candidate, the formatter gives one of the example", strength{}, gives{plainExamples, []sdk.Output{{Name: "score", Kind: sdk.ExampleColumn}}}, sdk.Task{Formatter: "own", Head: sdk.LMHead}, "data"),
		made("task-column-of-builtin", "the builtin formatter gives no such column", trace(func(g *sdk.Graph) sdk.Objective {
			w := g.ExampleColumn("importance", sdk.Role(sdk.WeightRole)).Unsqueeze(1)
			return term(pieced(g).p.Neg().Mul(w).Sum(), g.Real().Sum())
		}), nil, sdk.Task{Formatter: "builtin:promptanswer", Head: sdk.LMHead}, "data"),
		made("task-without-label", "the loss reads a class that the formatter does not give", classes, plainAnswers, sdk.Task{Formatter: "own", Head: sdk.ClassHead}, "data"),
		made("task-other-label", "the loss reads another class than the formatter gives", trace(func(g *sdk.Graph) sdk.Objective {
			return sdk.Objective{Terms: []sdk.Term{headTerm(g, "tone", "tone", g.Label("tone").To(sdk.F32).OnesLike())}}
		}), classedAnswers, sdk.Task{Formatter: "own", Head: sdk.ClassHead}, "data"),
		made("task-without-formatter", "nothing gives the score that the loss reads", strength{}, nil, sdk.Task{Head: sdk.LMHead}, "parts"),
		made("task-default-unknown", "a default for no parameter and no setting", strength{}, nil, sdk.Task{Formatter: "builtin:preference", Head: sdk.LMHead, Defaults: map[string]any{"bata": 0.2}}, "defaults"),
		made("task-default-beyond", "a default beyond its parameter's bound", strength{}, nil, sdk.Task{Formatter: "builtin:preference", Head: sdk.LMHead, Defaults: map[string]any{"beta": 2.0}}, "defaults"),
		made("task-default-of-other-type", "a default of another type", strength{}, nil, sdk.Task{Formatter: "builtin:preference", Head: sdk.LMHead, Defaults: map[string]any{"beta": "strong"}}, "defaults"),
		made("task-setting-of-other-type", "a setting of another type", likelihood, nil, sdk.Task{Formatter: "builtin:promptanswer", Head: sdk.LMHead, Defaults: map[string]any{"learning_rate": "high"}}, "defaults"),
		made("task-default-turns-off", "a default takes the loss's strength away", strength{}, nil, sdk.Task{Formatter: "builtin:preference", Head: sdk.LMHead, Defaults: map[string]any{"beta": 0.0}}, "learns", "inputs"),
		pooled(made("task-pools-nothing", "a pooling for the token head", likelihood, nil, sdk.Task{Formatter: "builtin:promptanswer", Head: sdk.LMHead, Pooling: "own"}, "head")),
	}
}

// plainExamples gives one score for the whole example.
var plainExamples = qa{func(question, answer string, o *sdk.Out) error {
	o.Candidate(question+"\n", answer)
	o.Set("score", float64(len(answer)%5))
	return nil
}}
