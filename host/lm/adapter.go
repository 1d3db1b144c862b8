package lm

import (
	"llmhost/host/config"
	"llmhost/host/lora"
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
	c.ModulesToSave = a.ModulesToSave
	return &c, c.Check()
}
