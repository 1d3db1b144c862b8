package inspect

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/data"
)

var tooLong = &Check{
	Name:     "over-long",
	Doc:      "a record that is surely cut to max_length: without a tokenizer, one of more than 8 bytes a token",
	Severity: Warning,
	Fix:      "max_length, or drop_truncated_answers = true",
	Start: func(o Options) Pass {
		return Pass{Each: func(i *Item, find Find) {
			if i.Err != nil || o.Tokens {
				return // the tokens say it better
			}
			for _, c := range i.View.Candidates {
				if n := len(c.Prompt) + len(c.Answer); n > bytesAToken*o.MaxLength {
					find(Finding{Field: c.AnswerField, Text: fmt.Sprintf("%d bytes, which are more than max_length %d tokens", n, o.MaxLength)})
					return
				}
			}
		}}
	},
}

// bytesAToken is more than tokenizers reach on any language: 4 is usual on English.
const bytesAToken = 8

// sequences looks at each tokenised candidate of a record. look says what is wrong with
// one, and in which of its texts; "" if nothing is.
func sequences(look func(o Options, s data.Sequence) (what string, answer bool)) func(Options) Pass {
	return func(o Options) Pass {
		return Pass{Each: func(i *Item, find Find) {
			if i.Tokens == nil {
				return
			}
			for n, s := range i.Tokens.Sequences {
				if what, answer := look(o, s); what != "" {
					find(Finding{Field: i.sequenceField(n, answer), Text: what})
					return
				}
			}
		}}
	}
}

// sequenceField is the field of candidate n's answer, or of its prompt.
func (i *Item) sequenceField(n int, answer bool) string {
	if n >= len(i.Candidates) {
		return answerField(i)
	}
	if c := i.Candidates[n]; answer && c.AnswerField != "" || c.PromptField == "" {
		return c.AnswerField
	}
	return i.Candidates[n].PromptField
}

var truncated = &Check{
	Name:     "truncated",
	Doc:      "a sequence that max_length cuts, and whether it loses some of its answer",
	Severity: Warning,
	Minor:    0.01, // a few long ones are usual, and a run counts them
	Fix:      "raise max_length, or drop_truncated_answers = true leaves out those whose answer is cut",
	Needs:    Tokens,
	Start: sequences(func(o Options, s data.Sequence) (string, bool) {
		over := len(s.IDs) - o.MaxLength
		if over <= 0 {
			return "", false
		}
		side, lost := "right", learned(s.Labels)-learned(s.Labels[:o.MaxLength])
		if o.Left {
			side, lost = "left", learned(s.Labels)-learned(s.Labels[over:])
		}
		what := fmt.Sprintf("%d tokens; max_length %d cuts %d from the %s", len(s.IDs), o.MaxLength, over, side)
		if lost > 0 {
			what += fmt.Sprintf(", %d of them learned", lost)
		}
		return what, lost > 0
	}),
}

// cut are the labels that max_length leaves.
func cut(o Options, s data.Sequence) []int64 {
	over := len(s.Labels) - o.MaxLength
	switch {
	case over <= 0:
		return s.Labels
	case o.Left:
		return s.Labels[over:]
	}
	return s.Labels[:o.MaxLength]
}

// learned counts the labels that can be predicted.
func learned(labels []int64) int { return data.Sequence{Labels: labels}.LabelCount() }

var unlearned = &Check{
	Name:     "no-learned-token",
	Doc:      "a record of which no token is learned, by itself or because max_length leaves none",
	Severity: Error,
	Fix:      "take the record out; raise max_length, or cut on the other side with truncation_side",
	Needs:    Tokens,
	Start: sequences(func(o Options, s data.Sequence) (string, bool) {
		if !o.Learns || learned(cut(o, s)) > 0 {
			return "", false
		}
		if learned(s.Labels) > 0 {
			return fmt.Sprintf("%d tokens, of which max_length %d leaves none that is learned", len(s.IDs), o.MaxLength), true
		}
		return "no token is learned", true
	}),
}

var beginnings = &Check{
	Name:     "bos",
	Doc:      "a sequence with more than one BOS, or without the one that a run puts there",
	Severity: Warning,
	Fix:      "take the token out of the texts, or add_bos_token = false",
	Needs:    Tokens,
	Start: sequences(func(o Options, s data.Sequence) (string, bool) {
		if o.Special.BOS < 0 || o.Special.BOS == o.Special.EOS || len(s.IDs) == 0 {
			return "", false
		}
		switch n := count(s.IDs, o.Special.BOS); {
		case len(s.IDs) > 1 && s.IDs[0] == o.Special.BOS && s.IDs[1] == o.Special.BOS:
			return "begins with BOS twice", false
		case n > 1 && !s.Text.Chat: // a template may begin every turn with it
			return fmt.Sprintf("holds BOS %d times; want it at the beginning alone", n), false
		case o.Special.Begins && !s.Text.Chat && s.IDs[0] != o.Special.BOS:
			return "does not begin with BOS", false
		}
		return "", false
	}),
}

var endings = &Check{
	Name:     "eos",
	Doc:      "an answer that does not end in EOS, which max_length cut off, or a text with EOS inside",
	Severity: Warning,
	Fix:      `truncation_side = "left" keeps the end, a larger max_length all; take EOS out of the texts`,
	Needs:    Tokens,
	Start: sequences(func(o Options, s data.Sequence) (string, bool) {
		if o.Special.EOS < 0 || !o.Special.Ends || !o.Learns || len(s.IDs) == 0 {
			return "", false
		}
		if s.Text.Chat { // its template ends every turn in its own way
			return "", false
		}
		kept := cut(o, data.Sequence{Labels: s.IDs})
		if kept[len(kept)-1] != o.Special.EOS {
			return "does not end in EOS: the model does not learn to stop here", true
		}
		inside := count(s.IDs[:len(s.IDs)-1], o.Special.EOS)
		if s.IDs[0] == o.Special.EOS { // BOS of tokenizers that have one token for both
			inside--
		}
		if inside > 0 && len(s.Text.Control) > 0 {
			return fmt.Sprintf("holds EOS %d times before its end", inside), true
		}
		return "", false
	}),
}

func count(ids []int64, id int64) (n int) {
	for _, one := range ids {
		if one == id {
			n++
		}
	}
	return n
}

var unknownTokens = &Check{
	Name:     "unknown-tokens",
	Doc:      "texts that the tokenizer has no tokens for, so that it reads its unknown token",
	Severity: Warning,
	Minor:    0.01,
	Fix:      "take another model, or the characters out: what is unknown is lost",
	Needs:    Tokens,
	Start: sequences(func(o Options, s data.Sequence) (string, bool) {
		if o.Special.Unknown < 0 || o.Special.Unknown == o.Special.EOS || o.Special.Unknown == o.Special.BOS {
			return "", false
		}
		if n := count(s.IDs, o.Special.Unknown); n > 0 {
			return fmt.Sprintf("%d of %d tokens are unknown", n, len(s.IDs)), false
		}
		return "", false
	}),
}

// Lengths are the lengths of sequences in tokens.
type Lengths struct {
	Sequences int         `json:"sequences"`
	Tokens    int         `json:"tokens"`
	Learned   int         `json:"learned"`
	Shortest  int         `json:"shortest"`
	Median    int         `json:"median"`
	P95       int         `json:"p95"`
	Longest   int         `json:"longest"`
	At        string      `json:"longest_at"`
	Cut       int         `json:"truncated"`
	MaxLength int         `json:"max_length"`
	BOS       map[int]int `json:"bos"` // how many sequences have so many
	EOS       map[int]int `json:"eos"`
	Histogram []Bin       `json:"histogram"`
}

// Bin counts the sequences of From to To tokens, both included.
type Bin struct {
	From  int `json:"from"`
	To    int `json:"to"`
	Count int `json:"count"`
}

// lengths counts lengths as they come.
type lengths struct {
	counts             map[int]int
	bos, eos           map[int]int
	tokens, learned    int
	sequences, longest int
	at                 Place
	special            Special
	learns             bool // the loss learns tokens
}

func (l *lengths) add(i *Item) {
	if i.Tokens == nil {
		return
	}
	if l.counts == nil {
		l.counts, l.bos, l.eos = map[int]int{}, map[int]int{}, map[int]int{}
	}
	for _, s := range i.Tokens.Sequences {
		n := len(s.IDs)
		l.counts[n]++
		l.bos[count(s.IDs, l.special.BOS)]++
		l.eos[count(s.IDs, l.special.EOS)]++
		l.sequences++
		l.tokens += n
		if l.learns {
			l.learned += s.LabelCount()
		}
		if n > l.longest {
			l.longest, l.at = n, i.Place
		}
	}
}

// report sums the lengths up; nil where there are none.
func (l *lengths) report(o Options) *Lengths {
	if l.sequences == 0 {
		return nil
	}
	var all []int
	for n := range l.counts {
		all = append(all, n)
	}
	slices.Sort(all)
	r := &Lengths{Sequences: l.sequences, Tokens: l.tokens, Learned: l.learned, Shortest: all[0], Longest: l.longest,
		At: l.at.Position.String(), MaxLength: o.MaxLength, BOS: l.bos, EOS: l.eos}
	before := 0
	for _, n := range all {
		if r.Median == 0 && 2*(before+l.counts[n]) >= l.sequences {
			r.Median = n
		}
		if r.P95 == 0 && 100*(before+l.counts[n]) >= 95*l.sequences {
			r.P95 = n
		}
		if n > o.MaxLength {
			r.Cut += l.counts[n]
		}
		before += l.counts[n]
	}
	r.Histogram = l.bins(all)
	return r
}

// mostBins is how many rows a histogram has at most.
const mostBins = 16

// bins are of equal width, a round number, up to where nearly all lengths are; the
// last has the rest.
func (l *lengths) bins(all []int) (bins []Bin) {
	most := all[len(all)-1]
	width := 1
	for step := 0; (most-all[0])/width >= mostBins; step++ {
		width = []int{2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 1 << 15, 1 << 16, 1 << 18, 1 << 20, 1 << 24, 1 << 30}[step]
	}
	for from := all[0] / width * width; from <= most; from += width {
		bin := Bin{From: from, To: from + width - 1}
		for _, n := range all {
			if n >= bin.From && n <= bin.To {
				bin.Count += l.counts[n]
			}
		}
		bins = append(bins, bin)
	}
	return bins
}

// bar is a horizontal bar, in eighths of a column.
func bar(share float64, width int) string {
	eighths := int(share*float64(width)*8 + 0.5)
	if share > 0 && eighths == 0 {
		eighths = 1
	}
	rest := []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}[eighths%8]
	return strings.Repeat("█", eighths/8) + rest
}
