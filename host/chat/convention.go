package chat

import (
	"regexp"
	"strings"

	"llmhost/host/tokenizer"
)

// A convention is what the training templates of TRL 1.16 count as a turn's own where
// a template leaves it open: the same conversations give the same labels there and
// here. Templates are known by what stands in them, not by their model.
type convention struct {
	source string // stands in the template
	header string // is the generation prompt; "" for any

	before []string       // texts right before a turn that are learned with it, one of them
	after  []string       // the same behind it, where it ends in no control token
	inside *regexp.Regexp // parts of a turn that are not the model's
	tail   string         // is not learned at the end of a turn
}

var conventions = []convention{
	// Qwen2.5 prints the header apart from the line break that follows it.
	{source: `'<|im_start|>' + message.role }}`, header: "<|im_start|>assistant\n", before: []string{"\n"}},
	// DeepSeek has no role in its header; what ends the outputs of tools is printed with the answer.
	{source: `<｜Assistant｜>`, before: []string{"<｜Assistant｜>", "<｜tool▁outputs▁end｜>"}},
	// gpt-oss and Muse write several messages a turn, each with a header that the model writes.
	{source: `<|start|>assistant`, header: "<|start|>assistant", before: []string{"<|start|>assistant"}},
	// GLM ends a turn with the header of the next.
	{source: `<|observation|>`, header: "<|assistant|>", after: []string{"<|user|>", "<|observation|>", "<|system|>"}},
	// Gemma 4 prints the outputs of tools into the turn that called them.
	{source: `<tool_response|>`, inside: regexp.MustCompile(`(?s)<\|tool_response>(.*?<tool_response\|>)?`)},
	// LLaVA parts turns by a blank, which belongs to the word behind it.
	{source: `'</s> '`, tail: " "},
}

// conventionOf joins the conventions of a template with such a generation prompt.
func conventionOf(source, header string) (c convention) {
	for _, known := range conventions {
		if !strings.Contains(source, known.source) || known.header != "" && known.header != header {
			continue
		}
		c.before = append(c.before, known.before...)
		c.after = append(c.after, known.after...)
		if known.inside != nil {
			c.inside = known.inside
		}
		if known.tail != "" {
			c.tail = known.tail
		}
	}
	return c
}

// apply changes the span of a turn as the convention says.
func (c convention) apply(text string, s tokenizer.Span) []tokenizer.Span {
	for _, before := range c.before {
		if strings.HasSuffix(text[:s.Start], before) {
			s.Start -= len(before)
			break
		}
	}
	for _, after := range c.after {
		if strings.HasPrefix(text[s.End:], after) {
			s.End += len(after)
			break
		}
	}
	if c.tail != "" && strings.HasSuffix(text[s.Start:s.End], c.tail) {
		s.End -= len(c.tail)
	}
	if c.inside == nil {
		return []tokenizer.Span{s}
	}
	var parts []tokenizer.Span
	at := s.Start
	for _, m := range c.inside.FindAllStringIndex(text[s.Start:s.End], -1) {
		parts = append(parts, tokenizer.Span{Start: at, End: s.Start + m[0]})
		at = s.Start + m[1]
	}
	return withoutEmpty(append(parts, tokenizer.Span{Start: at, End: s.End}))
}

func withoutEmpty(spans []tokenizer.Span) (kept []tokenizer.Span) {
	for _, s := range spans {
		if s.Start < s.End {
			kept = append(kept, s)
		}
	}
	return kept
}
