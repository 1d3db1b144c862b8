package lm

import (
	"cmp"
	"fmt"
	"slices"

	"llmhost/host/lora"
	"llmhost/host/model"
)

// OpenReference opens the model that stays frozen beside the policy: the one of a
// folder, or with path "" the policy as it was when the run began, the adapter that
// it began with included. It is nil where it is the policy without its adapter.
func OpenReference(policy *Model, path string, o Options) (*model.Model, error) {
	switch {
	case path == "" && policy.Source.Began != "":
		return openBegun(policy, o)
	case policy.Adapter != nil && (path == "" || path == policy.Source.Name) && policy.baseIsWhole():
		return nil, nil
	}
	ref, err := openBeside(policy, cmp.Or(path, policy.Source.Name), &model.Heads{LM: true}, o)
	if err == nil {
		ref.Params().Freeze()
	}
	return ref, err
}

// openBegun opens the policy with the adapter that the run began with, which a
// resumed run does not train on from. It is on the policy's frozen weights unless
// its adapter changed those.
func openBegun(policy *Model, o Options) (ref *model.Model, err error) {
	if _, changed := policy.Adapter.ChangesBase(); changed {
		ref, err = openBeside(policy, policy.Source.Name, &policy.Heads, o)
	} else {
		ref, err = policy.Twin(o.Device)
	}
	if err != nil {
		return nil, err
	}
	if _, err := lora.Load(ref.Params(), policy.Source.Began); err != nil {
		ref.Free()
		return nil, fmt.Errorf("reference model, which has the adapter that the run began with: %w", err)
	}
	ref.Params().Freeze()
	return ref, nil
}

// openBeside loads a model that shares the policy's tokenizer.
func openBeside(policy *Model, path string, heads *model.Heads, o Options) (*model.Model, error) {
	o.Heads = heads
	options, err := o.forModel(Source{}, policy.Tokenizer)
	if err != nil {
		return nil, err
	}
	options.IgnoreMismatchedSizes = true // an adapter holds the heads that it needs
	options.Vocab = max(options.Vocab, policy.grownTo())
	ref, err := model.Load(path, options)
	if err != nil {
		return nil, fmt.Errorf("reference model: %w", err)
	}
	if own, other := policy.Config.VocabSize, ref.Config.VocabSize; own != other {
		ref.Free()
		return nil, fmt.Errorf(
			"reference model %s has vocab_size %d, the model %s has %d; both must share one tokenizer",
			path,
			other,
			policy.Source.Name,
			own,
		)
	}
	return ref, nil
}

// grownTo is the policy's vocabulary where it grew, else 0.
func (m *Model) grownTo() int64 {
	if m.Grown == 0 {
		return 0
	}
	return m.Config.VocabSize
}

// baseIsWhole tells whether the model without its adapter is the one of its folder:
// nothing but adapters and heads is trained, and the adapter changed no weight.
func (m *Model) baseIsWhole() bool {
	if _, changed := m.Adapter.ChangesBase(); changed {
		return false
	}
	heads := m.HeadParams()
	return !slices.ContainsFunc(m.Adapter.Held(), func(name string) bool { return !slices.Contains(heads, name) })
}
