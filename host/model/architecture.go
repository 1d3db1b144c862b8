package model

import (
	"fmt"
	"path/filepath"

	"llmhost/host/model/bert"
	"llmhost/host/model/gemma"
	"llmhost/host/model/hfconfig"
	"llmhost/host/model/llama"
	"llmhost/host/model/neox"
	"llmhost/host/model/phi3"
	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// opener builds a model from the text of a config.json.
type opener func(config []byte, device tensor.Device, p *nn.Params, head bool) (Backbone, error)

// architecture is one of the packages below this one.
type architecture struct {
	classes []hfconfig.Class
	code
	norm float64 // initial weight of its norms
	tied tied
}

// code is what a package does with the text of a config.json.
type code struct {
	open   opener
	limits func(config []byte) (nn.Limits, error)
}

// tied are the matrices that tie_word_embeddings makes one.
type tied struct{ embedding, head string }

// architectures are the packages below this one.
var architectures = []architecture{
	{llama.Classes, of(llama.ParseConfig, llama.New), 1, tied{"model.embed_tokens.weight", "lm_head.weight"}},
	{neox.Classes, of(neox.ParseConfig, neox.New), 1, tied{"gpt_neox.embed_in.weight", "embed_out.weight"}},
	{phi3.Classes, of(phi3.ParseConfig, phi3.New), 1, tied{"model.embed_tokens.weight", "lm_head.weight"}},
	{gemma.Classes, of(gemma.ParseConfig, gemma.New), 0, tied{"model.embed_tokens.weight", "lm_head.weight"}}, // its norms scale by 1 + weight
	{bert.Classes, of(bert.ParseConfig, bert.New), 1, tied{}},
}

// Classes are the config classes that can be read.
func Classes() (classes []hfconfig.Class) {
	for _, a := range architectures {
		classes = append(classes, a.classes...)
	}
	return classes
}

// Types returns the values of model_type that can be read.
func Types() []string { return hfconfig.Types(Classes()) }

// limited is a config.json that says what its model takes.
type limited interface{ Limits() nn.Limits }

// of joins the two halves of an architecture.
func of[Config limited, M Backbone](parse func([]byte) (Config, error), build func(Config, tensor.Device, *nn.Params, bool) M) code {
	open := func(config []byte, device tensor.Device, p *nn.Params, head bool) (Backbone, error) {
		cfg, err := parse(config)
		if err != nil {
			return nil, err
		}
		return build(cfg, device, p, head), nil
	}
	limits := func(config []byte) (nn.Limits, error) {
		cfg, err := parse(config)
		return cfg.Limits(), err
	}
	return code{open, limits}
}

// ReadLimits reads from the config.json of a model folder what the model takes.
func ReadLimits(path string) (nn.Limits, error) {
	f, err := readFolder(path)
	if err != nil {
		return nn.Limits{}, err
	}
	name := filepath.Join(path, ConfigName)
	limits, err := architectureOf(f.class).limits(f.ConfigText)
	if err != nil {
		return nn.Limits{}, fmt.Errorf("%s: %w", name, inJSON(f.ConfigText, err))
	}
	return limits, nil
}

// IsEncoder tells whether models of a model_type read in both directions, as BERT does.
func IsEncoder(modelType string) bool { return modelType == bert.Classes[0].ModelType }

// architectureOf finds the architecture of a config class.
func architectureOf(class hfconfig.Class) (of architecture) {
	for _, a := range architectures {
		for _, c := range a.classes {
			if c.ModelType == class.ModelType {
				of = a
			}
		}
	}
	return of
}
