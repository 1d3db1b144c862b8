package data

import (
	"fmt"
	"slices"

	"llmhost/sdk"
)

// tokenizeExamples is how many examples are tokenised at a time. Their texts
// go to the tokenizer in one call, each different text once.
const tokenizeExamples = 2048

// Tokenizer encodes texts. It may use several threads to do so.
type Tokenizer interface {
	EncodeBatch(texts []string, special bool) ([][]int32, error)
}

// Tokenizing says how examples become rows.
type Tokenizing struct {
	MaxLength         int   // the most tokens of a row; longer ones lose their first tokens
	OnlyPredictAnswer bool  // the prompt and the token before it are no labels
	AddSpecialTokens  bool  // BOS before a row, EOS after it
	BOS, EOS          int32 // -1 where the tokenizer has none; then none is added
	Encoder           bool  // rows as an encoder reads them, with [CLS] as BOS and [SEP] as EOS
	PaddingScore      float64
}

// Tokenized is what came of some examples.
type Tokenized struct {
	Examples   []Example // one an example, in order
	Sequences  int
	Tokens     int // of all rows, after truncation
	Truncated  int // rows that lost tokens of their prompt, or more
	AnswersCut int // rows, among the truncated, that lost tokens of their answer
}

// Tokenize turns each candidate of examples into a row: the tokens of prompt
// and answer as one text. The answer begins where those tokens part from the
// tokens of the prompt alone, so a token that spans both counts as answer. For an
// encoder prompt and answer, where both are there, are a pair of texts.
func Tokenize(examples []Formatted, tokenizer Tokenizer, how Tokenizing) (Tokenized, error) {
	if how.MaxLength < 1 {
		return Tokenized{}, fmt.Errorf("max_length is %d; want at least 1", how.MaxLength)
	}
	if how.Encoder && how.MaxLength <= how.specials(true) {
		return Tokenized{}, fmt.Errorf("max_length is %d; want more, since an encoder's rows have up to %d special tokens", how.MaxLength, how.specials(true))
	}
	var out Tokenized
	for chunk := range slices.Chunk(examples, tokenizeExamples) {
		encoded, err := how.encode(chunk, tokenizer)
		if err != nil {
			return Tokenized{}, fmt.Errorf("%s to %s: %w", chunk[0].Source, chunk[len(chunk)-1].Source, err)
		}
		for _, e := range chunk {
			out.Examples = append(out.Examples, out.example(e, encoded, how))
		}
	}
	return out, nil
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

func (t *Tokenized) example(e Formatted, encoded map[string][]int32, how Tokenizing) Example {
	g := Example{Source: e.Source, ExampleColumns: e.Columns, Classes: e.Labels, Columns: map[string][]float64{}, PaddingScore: float32(how.PaddingScore)}
	for _, c := range e.Candidates {
		row, answerCut := how.row(c, encoded)
		g.Sequences = append(g.Sequences, row)
		for name, v := range c.Columns {
			g.Columns[name] = append(g.Columns[name], v)
		}
		t.Sequences++
		t.Tokens += len(row.IDs)
		t.Truncated += count(row.Truncated)
		t.AnswersCut += count(answerCut)
	}
	return g
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// row lays out one candidate and reports whether its answer lost tokens.
func (how Tokenizing) row(c sdk.Candidate, encoded map[string][]int32) (row Sequence, answerCut bool) {
	if how.Encoder {
		return how.encoderRow(encoded[c.Prompt], encoded[c.Answer])
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
	return Sequence{IDs: ids[cut:], Labels: labels[cut:], Truncated: cut > 0}, cut > answer
}
