package check_test

import (
	"os"
	"slices"
	"strconv"
	"testing"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
	"llmhost/host/plugin/testdata/mutants"
	"llmhost/sdk"
)

func TestSeeds(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("SEEDS"))
	for seed := 1; seed <= n; seed++ {
		o := check.Options{Seed: uint64(seed)}
		for _, m := range mutants.All() {
			if len(m.Plugin.Formatters) > 0 && seed > 1 {
				continue
			}
			r := checked(t, m.Plugin, o)
			if !slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return slices.Contains(m.Checks, f.Check) }) {
				t.Errorf("seed %d missed %s (%v)", seed, m.Plugin.Name, r.OK())
			}
		}
		for name, l := range soundLosses {
			r := checked(t, sdk.Plugin{Name: "sound", Version: "1", Losses: []sdk.LossSpec{sdk.NewLoss("sound", name, l)}}, o)
			if !r.OK() {
				t.Errorf("seed %d false alarm %s %s", seed, name, r.Findings[0].Check+r.Findings[0].Text)
			}
		}
		for _, p := range builtin.All() {
			if len(p.Formatters) > 0 && seed > 3 {
				continue
			}
			r := checkedIn(t, plugin.Options{Builtin: builtin.All()}, p.Name, o)
			if !r.OK() {
				t.Errorf("seed %d false alarm %s %s", seed, p.Name, r.Findings[0].Check+r.Findings[0].Text)
			}
		}
	}
}
