package data

import (
	"fmt"
	"slices"

	"llmhost/sdk"
)

// tokenizeExamples is how many examples are tokenised at a time. Their texts
// go to the tokenizer in one call, each different text once.
const tokenizeExamples = 2048

// Tokenizer encodes texts, possibly on several threads.
type Tokenizer interface {
	EncodeBatch(texts []string, special bool) ([][]int32, error)
}

// Tokenizing says how texts become sequences.
type Tokenizing struct {
	MaxLength         int   // the most tokens of a sequence; longer ones lose their first tokens
	OnlyPredictAnswer bool  // the prompt and the token before it are no labels
	AddSpecialTokens  bool  // BOS before a sequence, EOS after it
	BOS, EOS          int32 // -1 where the tokenizer has none; then none is added
	Encoder           bool  // sequences as an encoder reads them, with [CLS] as BOS and [SEP] as EOS

	// Padding is what columns hold for candidates that only fill up a batch,
	// by name; 0 for those that it does not name.
	Padding map[string]float32
}

// Tokenize turns each candidate of examples into a sequence: the tokens of
// prompt and answer as one text. The answer begins where those tokens differ from the
// tokens of the prompt alone, so a token that spans both counts as answer. For an
// encoder prompt and answer, where both are there, are a pair of texts.
func Tokenize(examples []Formatted, tokenizer Tokenizer, how Tokenizing) ([]Example, error) {
	if err := how.check(); err != nil {
		return nil, err
	}
	var tokenised []Example
	for chunk := range slices.Chunk(examples, tokenizeExamples) {
		encoded, err := how.encode(chunk, tokenizer)
		if err != nil {
			return nil, fmt.Errorf("%s to %s: %w", chunk[0].Source, chunk[len(chunk)-1].Source, err)
		}
		for _, e := range chunk {
			tokenised = append(tokenised, how.example(e, encoded))
		}
	}
	return tokenised, nil
}

// check refuses a length that holds nothing.
func (how Tokenizing) check() error {
	if how.MaxLength < 1 {
		return fmt.Errorf("max_length is %d; want at least 1", how.MaxLength)
	}
	if special := how.specials(true); how.Encoder && how.MaxLength <= special {
		return fmt.Errorf(
			"max_length is %d; want more, since an encoder's sequences have up to %d special tokens",
			how.MaxLength,
			special,
		)
	}
	return nil
}

// encode returns the ids of every prompt and every whole text of examples; for an
// encoder those of every answer by itself.
func (how Tokenizing) encode(examples []Formatted, tokenizer Tokenizer) (map[string][]int32, error) {
	encoded := map[string][]int32{}
	var texts []string
	add := func(text string) {
		if _, seen := encoded[text]; !seen {
			encoded[text] = nil
			texts = append(texts, text)
		}
	}
	for _, e := range examples {
		for _, c := range e.Candidates {
			add(c.Prompt)
			if how.Encoder {
				add(c.Answer)
			} else {
				add(c.Prompt + c.Answer)
			}
		}
	}
	ids, err := tokenizer.EncodeBatch(texts, false)
	if err != nil {
		return nil, err
	}
	for i, text := range texts {
		encoded[text] = ids[i]
	}
	return encoded, nil
}

// example lays out all candidates of e.
func (how Tokenizing) example(e Formatted, encoded map[string][]int32) Example {
	tokenised := Example{
		Columns:        map[string][]float64{},
		ExampleColumns: e.Columns,
		Classes:        e.Labels,
		Source:         e.Source,
		Padding:        how.Padding,
	}
	for _, c := range e.Candidates {
		tokenised.Sequences = append(tokenised.Sequences, how.sequence(c, encoded))
		for name, v := range c.Columns {
			tokenised.Columns[name] = append(tokenised.Columns[name], v)
		}
	}
	return tokenised
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// sequence lays out one candidate.
func (how Tokenizing) sequence(c sdk.Candidate, encoded map[string][]int32) Sequence {
	if how.Encoder {
		return how.encoderSequence(encoded[c.Prompt], encoded[c.Answer])
	}
	whole := encoded[c.Prompt+c.Answer]
	answer := commonPrefix(encoded[c.Prompt], whole)
	ids := make([]int64, 0, len(whole)+2)
	if how.AddSpecialTokens && how.BOS >= 0 {
		ids = append(ids, int64(how.BOS))
		answer++
	}
	for _, id := range whole {
		ids = append(ids, int64(id))
	}
	if how.AddSpecialTokens && how.EOS >= 0 {
		ids = append(ids, int64(how.EOS))
	}
	labels := slices.Clone(ids)
	if how.OnlyPredictAnswer {
		for t := range answer {
			labels[t] = Ignore
		}
	}
	cut := max(0, len(ids)-how.MaxLength)
	return Sequence{
		IDs:       ids[cut:],
		Labels:    labels[cut:],
		Truncated: cut > 0,
		AnswerCut: cut > answer,
	}
}
