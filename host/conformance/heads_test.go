package conformance_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// poolingKey is the parameter of a case that names its pooling.
const poolingKey = "pooling_type"

// headsOf lists the heads of a model folder, by its files.
func headsOf(t *testing.T, folder string) (h model.Heads) {
	t.Helper()
	file, err := safetensors.Open(folder)
	require.NoError(t, err)
	defer file.Close()
	classes, _, err := model.ReadClassHeads(folder)
	require.NoError(t, err)
	h.LM = file.Has("lm_head.weight") || file.Has("embed_out.weight")
	h.Codebase = file.Has("rm_head.weight")
	h.Score = h.Codebase || len(classes) == 1 && len(classes[0].Labels) == 1
	if !h.Score {
		h.Classes = classes
	}
	return h
}

// loadHeads loads a model with all heads that its files hold.
func loadHeads(t *testing.T, folder string, compute tensor.DType) *model.Model {
	t.Helper()
	return load(t, folder, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: compute, Heads: headsOf(t, folder)})
}

// setting is what a case has besides its numbers.
type setting struct {
	Model  string
	Note   string
	Params map[string]any
}

var (
	poolingNoted   = regexp.MustCompile(`pooling (\w+)`)
	referenceNoted = regexp.MustCompile(`reference model (\w+)`)
)

// poolings are the builtin ones; a case that names none of them takes the
// state of the last token.
var poolings = []string{"last", "eos", "average", "max"}

// pooling returns the program of the case's pooling.
func (s setting) pooling(t *testing.T) *program.Program {
	t.Helper()
	name, _ := s.Params[poolingKey].(string)
	if noted := poolingNoted.FindStringSubmatch(s.Note); name == "" && noted != nil {
		name = noted[1]
	}
	if !slices.Contains(poolings, name) {
		name = "eos"
	}
	return trace(t, plugin.Pooling, name, nil)
}

// optional are the inputs of losses that formatters may leave out, as the cases do.
var optional = []string{"example_column.margin"}

// objective binds a loss to what the case puts around it: its pooling, its
// reference model and the end token of m.
func (s setting) objective(t *testing.T, f fixtures, p *program.Program, m *model.Model) *objective.Objective {
	t.Helper()
	o := objective.New(p, tensor.CPU, tensor.Float32)
	o.Optional = optional
	needs := p.Needs()
	if (needs.Score || len(needs.Classes) > 0) && m.Causal() {
		o.Pooling = s.pooling(t)
		o.EOS = endOf(t, f, s.Model)
	}
	if needs.Reference {
		noted := referenceNoted.FindStringSubmatch(s.Note)
		require.NotNil(t, noted, "%q names no reference model", s.Note)
		o.Reference.Model = load(t, filepath.Join(f.root, "models", noted[1]), cpu)
		o.Reference.Model.Params().Freeze()
	}
	return o
}
