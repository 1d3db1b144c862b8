package data

import (
	"fmt"
	"slices"

	"llmhost/sdk"
)

// Chats lays conversations out as text and encodes them. Several goroutines may use
// it at once. It is an interface because whoever renders templates knows the
// tokenizer's runtime, which this package does not.
type Chats interface {
	// EncodeChats returns the tokens of the chats of each example. An error is about
	// all of them; what is wrong with one stands in its Err.
	EncodeChats(examples [][]*sdk.Chat) ([][]ChatTokens, error)
}

// ChatTokens is a conversation as tokens. The template writes the special tokens:
// nothing is put around them.
type ChatTokens struct {
	IDs     []int32
	Learned []bool  // which of IDs are labels
	Control []int64 // special tokens that messages spelt out and that are encoded as such, each once
	AsText  bool    // a message spelt out special tokens, which are encoded as text

	// EndsTurn says that what is learned ends in a special token, but for blanks, or that
	// it need not.
	EndsTurn bool

	// Rewritten says that the text does not begin with what a model is asked with for
	// one of its learned turns, and Merged that a token spans the border of the two.
	Rewritten, Merged bool

	Err error // why it is none
}

// chatSet are the chats of some examples, encoded.
type chatSet map[*sdk.Chat]ChatTokens

// encodeChats encodes all chats of examples.
func (how Tokenizing) encodeChats(examples []Formatted) (chatSet, error) {
	var groups [][]*sdk.Chat
	var from []Position
	for _, e := range examples {
		var group []*sdk.Chat
		for _, c := range e.Candidates {
			if c.Chat != nil {
				group = append(group, c.Chat)
			}
		}
		if group != nil {
			groups = append(groups, group)
			from = append(from, e.Source)
		}
	}
	if groups == nil {
		return nil, nil
	}
	if how.Chats == nil {
		return nil, fmt.Errorf("%s: the formatter gives chat messages; want texts, since no chat template lays them out", from[0])
	}
	encoded, err := how.Chats.EncodeChats(groups)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from[0].To(from[len(from)-1]), err)
	}
	set := chatSet{}
	for i, group := range groups {
		for k, chat := range group {
			if err := encoded[i][k].Err; err != nil {
				return nil, fmt.Errorf("%s: %w", from[i], err)
			}
			set[chat] = encoded[i][k]
		}
	}
	return set, nil
}

// chatSequence lays out a conversation. An encoder reads it as one text.
func (how Tokenizing) chatSequence(c ChatTokens) Sequence {
	if how.Encoder {
		return how.encoderSequence(c.IDs, nil)
	}
	s := Sequence{IDs: appendIDs(nil, c.IDs), Text: Marks{
		Chat:      true,
		Control:   c.Control,
		AsText:    c.AsText,
		EndsTurn:  c.EndsTurn,
		Rewritten: c.Rewritten,
		Merged:    c.Merged,
	}}
	s.Labels = slices.Clone(s.IDs)
	for t, learned := range c.Learned {
		if !learned {
			s.Labels[t] = Ignore
		}
	}
	return how.cutLabels(s)
}

// cutLabels shortens a sequence to the longest that there may be. Its answer are its
// labels, wherever they stand.
func (how Tokenizing) cutLabels(s Sequence) Sequence {
	first, end := how.TruncationSide.cut(len(s.IDs), how.MaxLength)
	isLabel := func(id int64) bool { return id != Ignore }
	s.Truncated = end-first < len(s.IDs)
	s.AnswerCut = slices.ContainsFunc(s.Labels[:first], isLabel) || slices.ContainsFunc(s.Labels[end:], isLabel)
	hadLabels := s.LabelCount() > 0
	s.IDs = s.IDs[first:end]
	s.Labels = s.Labels[first:end]
	s.AnswerLost = s.Truncated && hadLabels && s.LabelCount() == 0
	return s
}
