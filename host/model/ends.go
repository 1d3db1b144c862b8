package model

import (
	"encoding/json"
	"fmt"
	"slices"

	"llmhost/host/jsonobject"
)

// eosKey holds the tokens that end a text: one, or in generation_config.json several.
const eosKey = "eos_token_id"

// AddEnd has the generation_config.json that Save writes name a token among those that
// end a text, so that whoever generates with the model stops there. It tells whether
// neither that file nor, where there is none, config.json named it.
func (f *Model) AddEnd(id int32) (added bool, err error) {
	config, err := jsonobject.Parse(f.ConfigText)
	if err != nil {
		return false, fmt.Errorf("%s of %s: %w", ConfigName, f.Path, err)
	}
	generation := jsonobject.Object{}
	if f.generation == nil { // transformers then takes these from config.json
		for _, key := range []string{"bos_token_id", eosKey, "pad_token_id"} {
			if value := config.Get(key); value != nil {
				generation = generation.Set(key, value)
			}
		}
	} else if generation, err = jsonobject.Parse(f.generation); err != nil {
		return false, fmt.Errorf("%s of %s: %w", GenerationConfigName, f.Path, err)
	}
	ends := endsOf(generation.Get(eosKey))
	if slices.Contains(ends, id) {
		return false, nil
	}
	f.generation = generation.Set(eosKey, oneOrAll(append(ends, id))).Text()
	return true, nil
}

// endsOf are the tokens of an eos_token_id: a number, a list of them, or none.
func endsOf(value json.RawMessage) (ends []int32) {
	var one int32
	if json.Unmarshal(value, &ends) == nil {
		return ends
	}
	if json.Unmarshal(value, &one) == nil {
		return []int32{one}
	}
	return nil
}

// oneOrAll is the value of an eos_token_id.
func oneOrAll(ends []int32) any {
	if len(ends) == 1 {
		return ends[0]
	}
	return ends
}
