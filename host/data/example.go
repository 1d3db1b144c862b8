package data

import "llmhost/host/data/source"

// Ignore is the label of a position that nothing is learned from.
const Ignore = -100

// Position is where a record is in the data files.
type Position = source.Position

// Sequence is one tokenised candidate: a prompt and one answer. Labels has the
// length of IDs and is not shifted: Labels[t] is IDs[t] or Ignore.
type Sequence struct {
	IDs, Labels []int64
	Types       []int64 // which text of a pair each token is of, for encoders; nil means 0 for all
	Truncated   bool    // ids were cut
	AnswerCut   bool    // and the answer lost some of them
	AnswerLost  bool    // and no label is left that can be predicted
	Text        Marks
	RefLogps    []float32 // of the labels that can be predicted, under the reference model; nil where not precomputed
}

// Marks says which special tokens the text of a sequence spelt out.
type Marks struct {
	Begins  bool    // those that are put before a sequence, which were not put there again
	Ends    bool    // those that are put after one
	Control []int64 // the others, each once

	Chat     bool // a chat template wrote it, the special tokens too, and nothing was put around it
	Replaced bool // U+FFFD, which stands for what could not be read
	AsText   bool // special tokens in the messages of a chat, which were encoded as text

	EndsTurn bool // what is learned of a chat ends in a special token, but for blanks, where the template has one for it

	Rewritten bool // a chat does not begin with what a model is asked with for one of its learned turns
	Merged    bool // a token spans the border of what it is asked with and what it answers
}

// Example is one tokenised example: its candidates, one number a candidate in
// each of Columns, one number in each of ExampleColumns.
type Example struct {
	Sequences      []Sequence // one a candidate
	Columns        map[string][]float64
	ExampleColumns map[string]float64
	Classes        map[string]string // the class under each head by name; none where the record has none
	Labels         map[string]int64  // the same by number, which a Labeler gives it
	Source         Position

	// Padding is what Columns hold for candidates that only fill up a batch,
	// by name; 0 for those that it does not name.
	Padding map[string]float32
}

// part is the example with the tokens from to to of its one sequence, which loses what
// was computed for the whole.
func (e Example) part(from, to int) Example {
	s := e.Sequences[0]
	s.IDs = s.IDs[from:to]
	s.Labels = s.Labels[from:to]
	s.RefLogps = nil
	s.Truncated = s.Truncated || to-from < len(e.Sequences[0].IDs)
	if s.Types != nil {
		s.Types = s.Types[from:to]
	}
	e.Sequences = []Sequence{s}
	return e
}

// LabelCount counts the labels that can be predicted: all but one at position 0.
func (s Sequence) LabelCount() int {
	n := 0
	for t := 1; t < len(s.Labels); t++ {
		if s.Labels[t] != Ignore {
			n++
		}
	}
	return n
}
