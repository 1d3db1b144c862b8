package check_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/testdata/mutants"
	"llmhost/sdk"
)

// aloneFindings are those of the check of that name.
func aloneFindings(t *testing.T, p sdk.Plugin) (found []check.Finding) {
	t.Helper()
	report := checkedBeside(t, only([]string{"alone"}), p)
	require.Contains(t, report.Text(), "  alone  ", "it was run")
	for _, f := range report.Findings {
		if f.Check == "alone" {
			found = append(found, f)
		}
	}
	return found
}

// What is not finite where a prompt is alone in its step is wrong. What teaches
// nothing there is a note, for it can be meant.
func TestPromptsAloneInTheirStep(t *testing.T) {
	const (
		vanishes = `^term loss has no gradient on any of 11 prompts by themselves, and one of up to [0-9.]+ on the same prompts in batches of 2 to 4$`
		constant = `^term loss stays the same on [1-9][0-9]* of 11 prompts by themselves when the model changes there, and does not on the same prompts in batches of 2 to 4: alone it measures nothing$`
		broken   = `^with a prompt alone in its step, of a batch on which all is finite, (the sum of term loss|what state spread becomes) is (NaN|-Inf)$`
	)
	wants := map[string]struct{ text, unit string }{
		"baseline-of-the-step":        {vanishes, "its step,"},
		"standardized-by-the-step":    {broken, "a division by 0"},
		"standardized-above-zero":     {vanishes, "its step,"},
		"better-than-the-step":        {vanishes, "its step,"},
		"own-reference-point":         {constant, "its step,"},
		"rewards-centred-by-the-step": {constant, "its step,"},
		"gap-over-that-of-the-step":   {constant, "its step,"},
		"contrast-in-batch":           {vanishes, "its micro-batch,"},
		"rank-in-batch":               {vanishes, "its micro-batch,"},
		"spread-of-the-step":          {broken, "a logarithm of 0"},
	}
	for _, kind := range mutants.Kinds() {
		if kind.Name != "lonely" {
			continue
		}
		require.Len(t, kind.Mutants, len(wants))
		for _, m := range kind.Mutants {
			found := aloneFindings(t, m.Plugin)
			want := wants[m.Plugin.Name]
			require.Len(t, found, 1, m.Plugin.Name)
			require.Regexp(t, want.text, found[0].Text, m.Plugin.Name)
			require.Contains(t, found[0].Cause, want.unit, m.Plugin.Name)
			require.Equal(t, m.Noted, found[0].Warning, m.Plugin.Name)
			require.NotEmpty(t, found[0].Places, m.Plugin.Name)
		}
	}
}

// Losses whose gradient is 0 on some prompts, alone or not, get no note; nor do those
// whose means of a step only make a state or a reference point of other answers.
func TestWhatTeachesAloneGetsNoNote(t *testing.T) {
	guards := map[string]sdk.Loss{
		"a hinge that many prompts meet": sound(func(g *sdk.Graph) sdk.Objective {
			return objective(g.Rewards().Neg().AddScalar(0.1).Relu().Where(g.Real(), 0).Sum(), g.Real().Sum())
		}),
		"a mean of the step as a scale": sound(func(g *sdk.Graph) sdk.Objective {
			rows, score := g.Real().Sum(), g.Column("score")
			scale := score.Abs().Sum().GlobalMean(rows).AddScalar(1)
			return objective(meanLogp(g).Neg().Mul(score.Abs()).Div(scale).Where(g.Real(), 0).Sum(), rows)
		}),
		"a reference point of other answers": sound(func(g *sdk.Graph) sdk.Objective {
			rows := g.Real().Sum()
			point := g.MismatchedLogps().Sum(-1).Sub(g.MismatchedRefLogps().Sum(-1)).Where(g.Real(), 0).Sum().GlobalMean(rows)
			return objective(ratio(g).Sub(point).Neg().Sigmoid().Where(g.Real(), 0).Sum(), rows)
		}),
	}
	maps.Copy(guards, unusualLosses)
	for name, loss := range soundLosses {
		guards[name] = loss
	}
	delete(guards, "rewards centred over the step") // one reward is its own mean
	for name, loss := range guards {
		require.Empty(t, aloneFindings(t, sdk.Plugin{Name: "guard", Version: "1", Losses: []sdk.LossSpec{sdk.NewLoss("guard", name, loss)}}), name)
	}
}

// A loss that reads the answer of another record is never run on one.
func TestARunRefusesWhatTheCheckNeedNotTry(t *testing.T) {
	report := checkedLoss(t, func(g *sdk.Graph) sdk.Objective {
		rows := g.Real().Sum()
		other := g.MismatchedLogps().Sum(-1).Where(g.Real(), 0).Sum().GlobalMean(rows)
		return objective(g.Logps().Sum(-1).Sub(other).Sigmoid().Neg().Where(g.Real(), 0).Sum(), rows)
	})
	require.Contains(t, report.Text(), "  ok       alone         reads the answer of another record, so a run refuses steps of one\n")
}

// What a loss means is no note: it says why.
func TestALossSaysThatItNeedsOthers(t *testing.T) {
	const why = "every step has a hundred prompts"
	report := checkedLoss(t, func(g *sdk.Graph) sdk.Objective {
		rows, score := g.Real().Sum(), g.Column("score")
		o := objective(meanLogp(g).Mul(score.Sub(score.Sum().GlobalMean(rows))).Neg().Where(g.Real(), 0).Sum(), rows)
		o.Allow = map[string]string{"alone": why}
		return o
	})
	require.True(t, report.OK(), report.Text())
	require.Contains(t, report.Text(), "allowed by the plugin: "+why+"\n           term loss has no gradient on any of 11 prompts by themselves")
}
