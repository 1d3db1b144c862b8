package model

import (
	"encoding/json"
	"fmt"
)

// padKey is the key of config.json by which transformers finds the last token of
// a sequence: …ForSequenceClassification read the last one that is not this token.
const padKey = "pad_token_id"

// readPad is the pad token as transformers reads config.json, -1 for none. One
// that the embedding has no row for is an error, as there.
func (f *Model) readPad() (int64, error) {
	var pad *int64
	if err := json.Unmarshal(f.class.Value(f.ConfigText, padKey), &pad); err != nil || pad == nil {
		return -1, inJSON(f.ConfigText, err)
	}
	if vocab := f.Config.VocabSize; *pad < -vocab || *pad >= vocab {
		return -1, fmt.Errorf("%s is %d; want less than vocab_size, %d, or null (without the key it is transformers' default)", padKey, *pad, vocab)
	}
	return max(-1, *pad), nil // some old models have -1
}
