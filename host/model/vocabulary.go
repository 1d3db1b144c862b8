package model

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/jsonobject"
	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// vocabularies are the modules whose weight has a row for each token.
var vocabularies = []string{"embed_tokens", "lm_head", "embed_in", "embed_out", "word_embeddings"}

// IsVocabulary tells whether a parameter has a row for each token.
func IsVocabulary(name string) bool {
	return strings.HasSuffix(name, ".weight") &&
		slices.Contains(vocabularies, nn.LastPart(nn.Param{Name: name}.Module()))
}

// grow sets the vocabulary of config.json. The rows come from a source that
// grown makes.
func (f *Model) grow(vocab int64) error {
	f.Grown = vocab - f.Config.VocabSize
	f.Config.VocabSize = vocab
	return f.SetConfig("vocab_size", vocab)
}

// SetConfig gives a key of config.json a value, and the same key of
// generation_config.json where it has that key. The tokens that end a text, of which
// there may be several, AddEnd names there.
func (f *Model) SetConfig(key string, value any) error {
	config, err := jsonobject.Parse(f.ConfigText)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", ConfigName, f.Path, err)
	}
	f.ConfigText = config.Set(key, value).Text()
	if f.generation == nil || key == eosKey {
		return nil
	}
	generation, err := jsonobject.Parse(f.generation)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", GenerationConfigName, f.Path, err)
	}
	if generation.Get(key) != nil {
		f.generation = generation.Set(key, value).Text()
	}
	return nil
}

// grown takes matrices with a row for each token from a source that has that many
// rows fewer, and makes each new row the mean of the old ones. Below 0 it cuts rows off.
func grown(read nn.Source, rows int64) nn.Source {
	return func(name string, shape []int64) (t tensor.Tensor) {
		if !IsVocabulary(name) {
			return read(name, shape)
		}
		old := read(name, []int64{shape[0] - rows, shape[1]})
		defer old.Free()
		tensor.Scoped(func() {
			if rows < 0 {
				t = tensor.Cat(0, old.Narrow(0, 0, shape[0])).Own()
				return
			}
			mean := old.To(tensor.Float32).MeanDim(0, true).To(old.DType())
			t = tensor.Cat(0, old, mean.Expand(rows, shape[1])).Own()
		})
		return t
	}
}
