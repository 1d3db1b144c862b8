package lm

import (
	"fmt"
	"slices"

	"llmhost/host/model"
)

// OpenReference loads the model that stays frozen beside the policy, for its
// log-probabilities of tokens. With path "" that is the policy as it is at the
// start: nil under an adapter, where it is the policy without the adapter, else
// the weights of the policy's folder again.
func OpenReference(policy *Model, path string, o Options) (*model.Model, error) {
	if path == "" && policy.Adapter != nil {
		return nil, policy.checkBaseIsWhole()
	}
	if path == "" {
		path = policy.Source.Name
	}
	o.Heads = &model.Heads{LM: true}
	options, err := o.forModel(Source{}, policy.Tokenizer)
	if err != nil {
		return nil, err
	}
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
	ref.Params().Freeze()
	return ref, nil
}

// grownTo is the policy's vocabulary where it grew, else 0.
func (m *Model) grownTo() int64 {
	if m.Grown == 0 {
		return 0
	}
	return m.Config.VocabSize
}

// checkBaseIsWhole refuses the model without its adapter as the reference
// where more than adapters and heads is trained.
func (m *Model) checkBaseIsWhole() error {
	if init, changes := m.Adapter.ChangesBase(); changes {
		return fmt.Errorf("init_lora_weights %s changes the weights below the adapter, so that the model without it is not the one that the run began with; give ref_model_name_or_path", init)
	}
	heads := m.HeadParams()
	for _, name := range m.Adapter.Saved() {
		if !slices.Contains(heads, name) {
			return fmt.Errorf("modules_to_save trains %s, so that the model without its adapter is not the one that the run began with; give ref_model_name_or_path", name)
		}
	}
	return nil
}
