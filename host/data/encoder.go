package data

// encoderSequence lays out one text, [CLS] a [SEP], or a pair, [CLS] a [SEP] b [SEP],
// of which the tokens after the first [SEP] are of type 1. What is too long loses
// its first tokens, of a pair the longer text as long as it is the longer one: what
// transformers calls longest_first, with truncation_side left. It has no labels.
func (how Tokenizing) encoderSequence(first, second []int32) Sequence {
	if len(first) == 0 || len(second) == 0 {
		first = append(first[:len(first):len(first)], second...)
		second = nil
	}
	pair := second != nil
	a, b := longestFirst(len(first), len(second), max(0, how.MaxLength-how.specials(pair)))
	var s Sequence
	s.Truncated = a < len(first) || b < len(second)
	s.AnswerCut = b < len(second) || !pair && s.Truncated
	if how.AddSpecialTokens {
		s.add(how.BOS, 0)
	}
	how.addText(&s, first[len(first)-a:], 0)
	if !pair {
		s.Types = nil
		return s
	}
	how.addText(&s, second[len(second)-b:], 1)
	return s
}

// addText appends a text and, where special tokens are added, the one that ends it.
func (how Tokenizing) addText(s *Sequence, ids []int32, kind int64) {
	for _, id := range ids {
		s.add(id, kind)
	}
	if how.AddSpecialTokens {
		s.add(how.EOS, kind)
	}
}

// add appends a token of some type without a label; an id of -1 is none.
func (s *Sequence) add(id int32, kind int64) {
	if id < 0 {
		return
	}
	s.IDs = append(s.IDs, int64(id))
	s.Types = append(s.Types, kind)
	s.Labels = append(s.Labels, Ignore)
}

// specials is how many special tokens a text or a pair gets.
func (how Tokenizing) specials(pair bool) (n int) {
	if !how.AddSpecialTokens {
		return 0
	}
	n = count(how.BOS >= 0) + count(how.EOS >= 0)
	return n + count(pair && how.EOS >= 0)
}

// longestFirst is how many tokens of two texts, of lengths a and b, are kept if most are kept in all.
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
