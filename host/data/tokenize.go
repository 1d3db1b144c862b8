package data

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

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
	MaxLength         int     // the most tokens of a sequence; longer ones are cut
	TruncationSide    Side    // where they are cut
	OnlyPredictAnswer bool    // the prompt and the token before it are no labels
	Before, After     []int32 // put around each sequence whose text does not begin or end so by itself
	Encoder           bool    // sequences as an encoder reads them, with [CLS] before and [SEP] after

	// WantsLabels leaves out examples of which truncation leaves no label, and
	// DropTruncatedAnswers those that lose a token of an answer.
	WantsLabels, DropTruncatedAnswers bool

	// IsControl tells which ids are special tokens; nil where nobody counts them. The
	// tokenizer decides it.
	IsControl func(id int32) bool `json:"-"`

	// Padding is what columns hold for candidates that only fill up a batch,
	// by name; 0 for those that it does not name.
	Padding map[string]float32

	// Chats turns conversations into tokens; nil where no template lays them out.
	Chats Chats `json:"-"`
}

// Tokenize turns each candidate of examples into a sequence: the tokens of
// prompt and answer as one text. The answer begins where those tokens differ from the
// tokens of the prompt alone, so a token that spans both counts as answer. For an
// encoder prompt and answer, where both are there, are a pair of texts. Conversations
// become tokens by how.Chats.
func Tokenize(examples []Formatted, tokenizer Tokenizer, how Tokenizing) ([]Example, error) {
	if err := how.check(); err != nil {
		return nil, err
	}
	var tokenised []Example
	for chunk := range slices.Chunk(examples, tokenizeExamples) {
		chats, err := how.encodeChats(chunk)
		if err != nil {
			return nil, err
		}
		encoded, err := how.encode(chunk, tokenizer)
		if err != nil {
			return nil, how.located(chunk, tokenizer, err)
		}
		for _, e := range chunk {
			tokenised = append(tokenised, how.example(e, encoded, chats))
		}
	}
	return tokenised, nil
}

// located says whose text cannot be encoded: the error was about all of them.
func (how Tokenizing) located(examples []Formatted, tokenizer Tokenizer, err error) error {
	for i, e := range examples {
		if _, alone := how.encode(examples[i:i+1], tokenizer); alone != nil {
			return fmt.Errorf("%s: %w", e.Source, alone)
		}
	}
	return fmt.Errorf("%s: %w", examples[0].Source.To(examples[len(examples)-1].Source), err)
}

// check refuses a length that holds nothing of a text.
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
	kept, where := how.After, "after"
	if how.TruncationSide == Right {
		kept, where = how.Before, "before"
	}
	if !how.Encoder && how.MaxLength <= len(kept) {
		return fmt.Errorf(
			"max_length is %d; want at least %d, since what is put %s each text takes %d",
			how.MaxLength,
			len(kept)+1,
			where,
			len(kept),
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
			if c.Chat != nil {
				continue
			}
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
func (how Tokenizing) example(e Formatted, encoded map[string][]int32, chats chatSet) Example {
	tokenised := Example{
		Columns:        map[string][]float64{},
		ExampleColumns: e.Columns,
		Classes:        e.Labels,
		Source:         e.Source,
		Padding:        how.Padding,
	}
	for _, c := range e.Candidates {
		s := how.sequence(c, encoded, chats)
		s.Text.Replaced = strings.ContainsRune(c.Prompt, utf8.RuneError) || strings.ContainsRune(c.Answer, utf8.RuneError)
		tokenised.Sequences = append(tokenised.Sequences, s)
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
func (how Tokenizing) sequence(c sdk.Candidate, encoded map[string][]int32, chats chatSet) Sequence {
	if c.Chat != nil {
		return how.chatSequence(chats[c.Chat])
	}
	if how.Encoder {
		return how.encoderSequence(encoded[c.Prompt], encoded[c.Answer])
	}
	whole := encoded[c.Prompt+c.Answer]
	answer := commonPrefix(encoded[c.Prompt], whole)
	s := Sequence{Text: how.marks(whole, answer)}
	if !s.Text.Begins {
		s.IDs = appendIDs(s.IDs, how.Before)
		answer += len(how.Before)
	}
	answer = max(answer, len(how.Before))
	s.IDs = appendIDs(s.IDs, whole)
	if !s.Text.Ends {
		s.IDs = appendIDs(s.IDs, how.After)
	}
	s.Labels = slices.Clone(s.IDs)
	if how.OnlyPredictAnswer {
		for t := range answer {
			s.Labels[t] = Ignore
		}
	}
	return how.cut(s, answer)
}

// marks finds the special tokens in a text whose answer begins at a token. What an
// empty answer ends in belongs to the prompt.
func (how Tokenizing) marks(text []int32, answer int) (m Marks) {
	rest := text
	if m.Begins = begins(text, how.Before); m.Begins {
		rest = rest[len(how.Before):]
	}
	if m.Ends = ends(rest, how.After) && len(text)-len(how.After) >= answer; m.Ends {
		rest = rest[:len(rest)-len(how.After)]
	}
	m.Control = how.control(rest)
	return m
}

// control lists the special tokens among ids.
func (how Tokenizing) control(ids []int32) (found []int64) {
	if how.IsControl == nil {
		return nil
	}
	for _, id := range ids {
		if how.IsControl(id) && !slices.Contains(found, int64(id)) {
			found = append(found, int64(id))
		}
	}
	return found
}

func begins(ids, with []int32) bool {
	return len(with) > 0 && len(ids) >= len(with) && slices.Equal(ids[:len(with)], with)
}

func ends(ids, with []int32) bool {
	return len(with) > 0 && len(ids) >= len(with) && slices.Equal(ids[len(ids)-len(with):], with)
}

func appendIDs(to []int64, ids []int32) []int64 {
	for _, id := range ids {
		to = append(to, int64(id))
	}
	return to
}

// cut shortens a sequence, whose answer begins at a token, to the longest that
// there may be.
func (how Tokenizing) cut(s Sequence, answer int) Sequence {
	first, end := how.TruncationSide.cut(len(s.IDs), how.MaxLength)
	s.Truncated = end-first < len(s.IDs)
	s.AnswerCut = first > answer || end < len(s.IDs) && answer < len(s.IDs)
	hadLabels := s.LabelCount() > 0
	s.IDs = s.IDs[first:end]
	s.Labels = s.Labels[first:end]
	s.AnswerLost = s.Truncated && hadLabels && s.LabelCount() == 0
	return s
}
