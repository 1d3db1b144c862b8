package lm

import (
	"slices"

	"llmhost/host/config"
	"llmhost/host/lora"
	"llmhost/host/model"
)

// NewAdapter is the adapter that the settings describe, for a run that begins
// with none; nil where they describe none, or name one to train further.
func NewAdapter(a config.AdapterSettings) (*lora.Config, error) {
	if !a.WantsAdapter() || a.Adapter != "" {
		return nil, nil
	}
	if a.PEFTConfigPath != "" {
		c, err := lora.ReadConfig(a.PEFTConfigPath)
		return &c, err
	}
	c := lora.Default()
	c.R = a.LoraR
	c.Alpha = a.LoraAlpha
	c.Dropout = a.LoraDropout
	c.RSLoRA = a.UseRSLoRA
	c.DoRA = a.UseDoRA
	c.Targets = lora.ParseModules(a.LoraTargetModules)
	c.TargetsName = "lora_target_modules"
	c.ModulesToSave = a.ModulesToSave
	return &c, c.Check()
}

// openAdapter gives the model the source's adapter, or a new one.
func (m *Model) openAdapter(o Options) (err error) {
	switch {
	case m.Source.Adapter != "":
		m.Adapter, err = m.loadAdapter()
	case o.NewAdapter != nil:
		m.Adapter, err = m.attach(*o.NewAdapter)
	}
	if err != nil || m.Adapter == nil {
		return err
	}
	m.wasFourBit = m.Adapter.FourBit
	return nil
}

// loadAdapter puts the source's adapter on the model. A head that it does not
// hold is trained and saved with it, as in a new one.
func (m *Model) loadAdapter() (*lora.Adapter, error) {
	adapter, err := lora.Load(m.Params(), m.Source.Adapter)
	if err != nil {
		return nil, err
	}
	held := adapter.Held()
	m.Fresh = slices.DeleteFunc(m.Fresh, func(name string) bool { return slices.Contains(held, name) })
	switch added := adapter.AddHeads(m.HeadParams()); {
	case added && !m.Heads.LM:
		adapter.Config.TaskType = "SEQ_CLS"
	case m.Heads.LM && adapter.IsOfAnotherTask():
		adapter.Config.TaskType = "CAUSAL_LM"
	}
	return adapter, nil
}

// attach puts a new adapter on the model.
func (m *Model) attach(c lora.Config) (*lora.Adapter, error) {
	c.Base = m.Source.Name
	c.TaskType = "CAUSAL_LM"
	if !m.Heads.LM {
		c.TaskType = "SEQ_CLS"
	}
	if c.Targets.Names == nil && c.Targets.Empty() {
		c.Targets = lora.FamilyTargets(m.Config.ModelType)
	}
	// As PEFT does, also where the base has the head: an adapter holds all that its task needs.
	adapter, err := lora.Attach(m.Params(), c, m.HeadParams())
	if err != nil {
		return nil, err
	}
	return adapter, m.checkGrown()
}

// adapterHeads are the heads that a model needs for the source's adapter: those that
// the adapter holds, or else those of the base.
func (s Source) adapterHeads() (h model.Heads, err error) {
	if h, err = lora.Heads(s.Adapter); err != nil || h.LM || h.Score || len(h.Classes) > 0 {
		return h, err
	}
	h.Classes, _, err = model.ReadClassHeads(s.Weights)
	if len(h.Classes) == 1 && len(h.Classes[0].Labels) == 1 {
		return model.Heads{Score: true}, err
	}
	if err == nil && len(h.Classes) == 0 {
		err = lora.NoHead(s.Adapter)
	}
	return h, err
}
