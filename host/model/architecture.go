package model

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/model/bert"
	"llmhost/host/model/gemma"
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
	types []string // the values of model_type that it reads
	code
	norm float64 // initial weight of its norms
}

// code is what a package does with the text of a config.json.
type code struct {
	open   opener
	limits func(config []byte) (nn.Limits, error)
}

// architectures are the packages below this one.
var architectures = []architecture{
	{llama.Types, of(llama.ParseConfig, llama.New), 1},
	{neox.Types, of(neox.ParseConfig, neox.New), 1},
	{phi3.Types, of(phi3.ParseConfig, phi3.New), 1},
	{gemma.Types, of(gemma.ParseConfig, gemma.New), 0}, // its norms scale by 1 + weight
	{bert.Types, of(bert.ParseConfig, bert.New), 1},
}

// Types returns the values of model_type that can be read.
func Types() (types []string) {
	for _, a := range architectures {
		types = append(types, a.types...)
	}
	return types
}

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
	arch, err := architectureOf(f.Config.ModelType)
	if err != nil {
		return nn.Limits{}, fmt.Errorf("%s: %w", name, err)
	}
	limits, err := arch.limits(f.ConfigText)
	if err != nil {
		return nn.Limits{}, fmt.Errorf("%s: %w", name, inJSON(err))
	}
	return limits, nil
}

// IsEncoder tells whether models of a model_type read in both directions, as BERT does.
func IsEncoder(modelType string) bool { return slices.Contains(bert.Types, modelType) }

// architectureOf finds the architecture of a model_type.
func architectureOf(modelType string) (architecture, error) {
	for _, a := range architectures {
		if slices.Contains(a.types, modelType) {
			return a, nil
		}
	}
	return architecture{}, fmt.Errorf("model_type is %q; want one of %s", modelType, strings.Join(Types(), ", "))
}
