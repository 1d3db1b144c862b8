package data

import "slices"

// encoderSequence lays out one text, [CLS] a [SEP], or a pair, [CLS] a [SEP] b [SEP],
// of which the tokens after the first [SEP] are of type 1. What is too long is cut on
// one side, of a pair the longer text as long as it is the longer one: what
// transformers calls longest_first. It has no labels.
func (how Tokenizing) encoderSequence(first, second []int32) Sequence {
	if len(first) == 0 || len(second) == 0 {
		first = append(first[:len(first):len(first)], second...)
		second = nil
	}
	pair := second != nil
	s := Sequence{Text: how.pairMarks(first, second)}
	first = how.bare(first, true)
	second = how.bare(second, false)
	a, b := longestFirst(len(first), len(second), max(0, how.MaxLength-how.specials(pair)))
	s.Truncated = a < len(first) || b < len(second)
	s.AnswerCut = b < len(second) || !pair && s.Truncated
	s.add(how.Before, 0)
	s.add(how.kept(first, a), 0)
	s.add(how.After, 0)
	if !pair {
		s.Types = nil
		return s
	}
	s.add(how.kept(second, b), 1)
	s.add(how.After, 1)
	return s
}

// kept are the n tokens of a text that truncation leaves.
func (how Tokenizing) kept(ids []int32, n int) []int32 {
	first, end := how.TruncationSide.cut(len(ids), n)
	return ids[first:end]
}

// bare is a text without the special tokens at its ends that every sequence gets.
func (how Tokenizing) bare(ids []int32, isFirst bool) []int32 {
	if isFirst && begins(ids, how.Before) {
		ids = ids[len(how.Before):]
	}
	if ends(ids, how.After) {
		ids = ids[:len(ids)-len(how.After)]
	}
	return ids
}

// pairMarks finds the special tokens in one or two texts.
func (how Tokenizing) pairMarks(first, second []int32) Marks {
	last := first
	if len(second) > 0 {
		last = second
	}
	return Marks{
		Begins:  begins(first, how.Before),
		Ends:    ends(last, how.After),
		Control: how.control(slices.Concat(how.bare(first, true), how.bare(second, false))),
	}
}

// add appends tokens of some type without labels.
func (s *Sequence) add(ids []int32, kind int64) {
	for _, id := range ids {
		s.IDs = append(s.IDs, int64(id))
		s.Types = append(s.Types, kind)
		s.Labels = append(s.Labels, Ignore)
	}
}

// specials is how many special tokens a text or a pair gets.
func (how Tokenizing) specials(pair bool) (n int) {
	return len(how.Before) + len(how.After)*(1+count(pair))
}

// longestFirst is how many tokens of two texts, of lengths a and b, are kept if most
// are kept in all.
func longestFirst(a, b, most int) (keepA, keepB int) {
	if a+b <= most {
		return a, b
	}
	if a > b {
		keepB, keepA = longestFirst(b, a, most)
		return keepA, keepB
	}
	if half := most / 2; a > half {
		return half, most - half
	}
	return a, most - a
}
