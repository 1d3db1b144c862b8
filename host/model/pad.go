package model

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"llmhost/host/jsonobject"
)

// padKey is the key of config.json by which transformers finds the last token of
// a sequence: …ForSequenceClassification read the last one that is not this token.
const padKey = "pad_token_id"

// padDefaults are the pad tokens that transformers' configuration classes have
// where config.json names none, by model_type.
var padDefaults = map[string]int64{"phi3": 32000, "gemma2": 0, "gemma3_text": 0, "bert": 0}

// readPad is the pad token as transformers reads config.json, -1 for none.
func (f *Model) readPad() (int64, error) {
	config, err := jsonobject.Parse(f.ConfigText)
	if err != nil {
		return -1, fmt.Errorf("%s of %s: %w", ConfigName, f.Path, err)
	}
	text := config.Get(padKey)
	id, named := padDefaults[f.Config.ModelType]
	if text != nil {
		var given *int64
		if err := json.Unmarshal(text, &given); err != nil {
			return -1, fmt.Errorf("%s: %s is %s; want an id or null", filepath.Join(f.Path, ConfigName), padKey, text)
		}
		if named = given != nil; named {
			id = *given
		}
	}
	if !named || id < 0 || id >= f.Config.VocabSize { // some old models have -1
		return -1, nil
	}
	return id, nil
}
