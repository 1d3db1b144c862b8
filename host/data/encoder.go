package data

// encoderRow lays out one text, [CLS] a [SEP], or a pair, [CLS] a [SEP] b [SEP],
// of which the tokens after the first [SEP] are of type 1. What is too long loses
// its first tokens, of a pair the longer text as long as it is the longer one: what
// transformers calls longest_first, with truncation_side left. It has no labels.
func (how Tokenizing) encoderRow(first, second []int32) (row Sequence, answerCut bool) {
	if len(first) == 0 || len(second) == 0 {
		first, second = append(first[:len(first):len(first)], second...), nil
	}
	special := how.specials(len(second) > 0)
	a, b := longestFirst(len(first), len(second), max(0, how.MaxLength-special))
	row.Truncated = a < len(first) || b < len(second)
	answerCut = b < len(second) || len(second) == 0 && row.Truncated
	add := func(id int32, kind int64) {
		if id >= 0 {
			row.IDs, row.Types, row.Labels = append(row.IDs, int64(id)), append(row.Types, kind), append(row.Labels, Ignore)
		}
	}
	text := func(ids []int32, kind int64) {
		for _, id := range ids {
			add(id, kind)
		}
		if how.AddSpecialTokens {
			add(how.EOS, kind)
		}
	}
	if how.AddSpecialTokens {
		add(how.BOS, 0)
	}
	text(first[len(first)-a:], 0)
	if second != nil {
		text(second[len(second)-b:], 1)
		return row, answerCut
	}
	row.Types = nil
	return row, answerCut
}

// specials is how many special tokens a text or a pair has around it.
func (how Tokenizing) specials(pair bool) (n int) {
	if !how.AddSpecialTokens {
		return 0
	}
	n = count(how.BOS >= 0) + count(how.EOS >= 0)
	return n + count(pair && how.EOS >= 0)
}

// longestFirst is how many tokens of two texts, a and b long, are kept of most in all.
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
