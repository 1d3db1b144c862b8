package chat

import (
	"runtime"
	"sort"
	"sync"
	"sync/atomic"

	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// Tokens are a conversation as tokens.
type Tokens struct {
	IDs     []int32
	Learned []bool // which of IDs are labels
	Control []int64

	AsText    bool // messages spelt out special tokens, which are encoded as text
	Rewritten bool // as in Laid
	Merged    bool // a token spans the border of what a model is asked with and what it answers
	Err       error
}

// Encoder lays chats out and encodes them.
type Encoder struct {
	Template  *Template
	Tokenizer *tokenizer.Tokenizer
	Learning  func(*sdk.Chat) Learning // what is learned of a chat
}

// Encode returns the tokens of the chats of each example. Several goroutines may
// call it at once.
func (e Encoder) Encode(examples [][]*sdk.Chat) ([][]Tokens, error) {
	var chats []*sdk.Chat
	for _, example := range examples {
		chats = append(chats, example...)
	}
	laid, err := e.Template.Lay(chats, e.Learning)
	if err != nil {
		return nil, err
	}
	encoded, err := e.encodeTexts(laid)
	if err != nil {
		return nil, err
	}
	out := make([][]Tokens, len(examples))
	for i, example := range examples {
		out[i] = encoded.tokens(laid[:len(example)])
		laid = laid[len(example):]
	}
	return out, nil
}

// texts are the encodings of different texts. Spans of tokens are there where
// somebody asks where a token came from.
type texts map[string]tokenizer.Encoding

// encodeTexts encodes every different text of the chats, and every different prompt.
func (e Encoder) encodeTexts(laid []Laid) (texts, error) {
	all := texts{}
	var plain, detailed []string
	add := func(to *[]string, text string) {
		if _, seen := all[text]; !seen {
			all[text] = tokenizer.Encoding{}
			*to = append(*to, text)
		}
	}
	for _, l := range laid {
		if l.Err == nil && len(l.Add)+len(l.Leave) > 0 {
			add(&detailed, l.Text)
		}
	}
	for _, l := range laid {
		if l.Err == nil {
			add(&plain, l.Text)
			add(&plain, l.Prompt)
		}
	}
	ids, err := e.Tokenizer.EncodeBatch(plain, false)
	if err != nil {
		return nil, err
	}
	for i, text := range plain {
		all[text] = tokenizer.Encoding{IDs: ids[i]}
	}
	encodings := make([]tokenizer.Encoding, len(detailed))
	err = inParallel(len(detailed), func(i int) (err error) {
		encodings[i], err = e.Tokenizer.EncodeWithOffsets(detailed[i], false)
		return err
	})
	for i, text := range detailed {
		all[text] = encodings[i]
	}
	return all, err
}

// inParallel calls do for 0 to n-1 on as many goroutines as there are cores.
func inParallel(n int, do func(i int) error) error {
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, min(n, runtime.GOMAXPROCS(0)))
	for w := range errs {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = do(i)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// tokens are those of the candidates of one example. Behind one prompt the answers of
// all of them begin at the same token, as in TRL.
func (t texts) tokens(laid []Laid) []Tokens {
	out := make([]Tokens, len(laid))
	begin := map[string]int{}
	for _, l := range laid {
		n := commonIDs(t[l.Prompt].IDs, t[l.Text].IDs)
		if have, known := begin[l.Prompt]; !known || n < have {
			begin[l.Prompt] = n
		}
	}
	for k, l := range laid {
		if out[k].Err = l.Err; l.Err != nil {
			continue
		}
		encoding := t[l.Text]
		out[k].IDs = encoding.IDs
		out[k].Rewritten = l.Rewritten
		out[k].Merged = !l.Rewritten && begin[l.Prompt] < len(t[l.Prompt].IDs)
		out[k].learn(l, encoding.Spans, begin[l.Prompt])
	}
	return out
}

// learn marks the labels. A token belongs to the bytes of which it has any.
func (t *Tokens) learn(l Laid, at []tokenizer.Span, begin int) {
	t.Learned = make([]bool, len(t.IDs))
	for n := range t.Learned {
		t.Learned[n] = l.Whole && (n >= begin || l.FromStart)
	}
	for _, s := range l.Add {
		first, end := within(at, s)
		for n := first; n < end; n++ {
			t.Learned[n] = true
		}
		t.Merged = t.Merged || first < end && !l.Rewritten && at[first].Start < s.Start
	}
	for _, s := range l.Leave {
		first, end := within(at, s)
		for n := first; n < end; n++ {
			t.Learned[n] = false
		}
	}
}

// within are the tokens, from first to before end, that have bytes of a span.
func within(at []tokenizer.Span, s tokenizer.Span) (first, end int) {
	first = sort.Search(len(at), func(n int) bool { return at[n].End > s.Start })
	end = first + sort.Search(len(at)-first, func(n int) bool { return at[first+n].Start >= s.End })
	return first, end
}

func commonIDs(a, b []int32) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
