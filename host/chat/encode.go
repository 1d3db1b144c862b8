package chat

import (
	"fmt"
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

// textKey tells texts apart: the same words may be a control token here and only text there.
type textKey struct{ text, plain string }

func textKeyOf(text string, plain []tokenizer.PlainToken) (k textKey) {
	k.text = text
	if len(plain) > 0 {
		k.plain = fmt.Sprint(plain)
	}
	return k
}

func (l Laid) textKey() textKey   { return textKeyOf(l.Text, l.Plain) }
func (l Laid) promptKey() textKey { return textKeyOf(l.Prompt, l.PromptPlain) }

// texts are the encodings of different texts. Spans of tokens are there where
// somebody asks where a token came from.
type texts map[textKey]tokenizer.Encoding

// encodeTexts encodes every different text of the chats, and every different prompt.
func (e Encoder) encodeTexts(laid []Laid) (texts, error) {
	all := texts{}
	var ids, detailed, marked toEncode
	for _, l := range laid {
		switch {
		case l.Err != nil:
		case len(l.Plain) > 0:
			marked.add(all, l.textKey(), l.Plain)
		case len(l.Add)+len(l.Leave) > 0:
			detailed.add(all, l.textKey(), nil)
		}
	}
	for _, l := range laid {
		if l.Err != nil {
			continue
		}
		ids.add(all, l.textKey(), nil) // unless it is among the others
		if len(l.PromptPlain) > 0 {
			marked.add(all, l.promptKey(), l.PromptPlain)
		} else {
			ids.add(all, l.promptKey(), nil)
		}
	}
	encoded, err := e.Tokenizer.EncodeBatch(ids.texts(), false)
	if err != nil {
		return nil, err
	}
	for i, key := range ids.keys {
		all[key] = tokenizer.Encoding{IDs: encoded[i]}
	}
	encodings, err := e.Tokenizer.EncodePlain(marked.plain)
	if err != nil {
		return nil, err
	}
	for i, key := range marked.keys {
		all[key] = encodings[i]
	}
	encodings = make([]tokenizer.Encoding, len(detailed.keys))
	err = inParallel(len(encodings), func(i int) (err error) {
		encodings[i], err = e.Tokenizer.EncodeWithOffsets(detailed.plain[i].Text, false)
		return err
	})
	for i, key := range detailed.keys {
		all[key] = encodings[i]
	}
	return all, err
}

// toEncode are texts that are encoded in one way.
type toEncode struct {
	keys  []textKey
	plain []tokenizer.PlainText
}

// add adds a text that is not yet among all.
func (t *toEncode) add(all texts, key textKey, plain []tokenizer.PlainToken) {
	if _, seen := all[key]; seen {
		return
	}
	all[key] = tokenizer.Encoding{}
	t.keys = append(t.keys, key)
	t.plain = append(t.plain, tokenizer.PlainText{Text: key.text, Plain: tokenizer.Spans(plain)})
}

func (t toEncode) texts() (texts []string) {
	for _, p := range t.plain {
		texts = append(texts, p.Text)
	}
	return texts
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
	begin := map[textKey]int{}
	for _, l := range laid {
		n := commonIDs(t[l.promptKey()].IDs, t[l.textKey()].IDs)
		if have, known := begin[l.promptKey()]; !known || n < have {
			begin[l.promptKey()] = n
		}
	}
	for k, l := range laid {
		if out[k].Err = l.Err; l.Err != nil {
			continue
		}
		encoding, first := t[l.textKey()], begin[l.promptKey()]
		out[k].IDs = encoding.IDs
		out[k].Rewritten = l.Rewritten
		out[k].Merged = !l.Rewritten && first < len(t[l.promptKey()].IDs)
		out[k].AsText = len(l.Plain) > 0
		out[k].learn(l, encoding.Spans, first)
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
