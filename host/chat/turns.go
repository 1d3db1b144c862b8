package chat

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// dialog is a conversation while its turns are found.
type dialog struct {
	chat     *sdk.Chat
	messages []sdk.Message
	plan     plan
	facts    *facts
	text     string           // the whole of it
	err      error            // why there is none
	prompt   *Rendering       // what a model is asked with; nil where there is none
	given    []tokenizer.Span // what the template marks as generated
	plain    []tokenizer.PlainToken

	generated  bool // given says what of a turn is learned
	allGiven   bool // and all of it is
	wantsMarks bool

	sentinels sentinels
	proof     string // the text with a sentinel in each content
	proofErr  error
	asked     map[int]string // by message: the text before it, with the generation prompt
	upTo      map[int]string // by message: the text that ends with it
	swaps     map[int]int    // by message: where the text of its content begins
	layout    *layout        // by marks; nil where there is none
	noLayout  string         // why

	spans map[int][]tokenizer.Span // of the turns of plan
}

// begin is where the turn of message i begins behind its header, as far as the prompt
// tells: the text that a model is asked with is what comes before.
func (d *dialog) begin(i int) (at int, found bool) {
	header := d.facts.header
	asked, is := d.asked[i]
	if !is || !strings.HasPrefix(d.text, asked) {
		return 0, false
	}
	if thought := opening.FindStringIndex(asked); thought != nil && strings.HasSuffix(asked[:thought[0]], header) && header != "" {
		return thought[0], true
	}
	if header != "" && !strings.HasSuffix(asked, header) && strings.HasPrefix(d.text[len(asked):], header) {
		return len(asked) + len(header), true // a turn that goes on, with a header of its own
	}
	return len(asked), true
}

// end is where the turn of message i ends.
func (d *dialog) end(i int) (at int, found bool) {
	if i == len(d.messages)-1 {
		return len(d.text), true
	}
	if upTo, is := d.upTo[i]; is && strings.HasPrefix(d.text, upTo) {
		return len(upTo), true
	}
	if d.layout == nil || d.layout.begins[i] < 0 {
		return 0, false
	}
	return d.layout.ends(i), true
}

// markedBegin is where the turn of message i begins behind its header, as marks tell.
func (d *dialog) markedBegin(i int) (at int, found bool) {
	if d.layout == nil || d.layout.begins[i] < 0 {
		return 0, false
	}
	at = d.layout.begins[i]
	if d.messages[i].Role() == assistant {
		rest := strings.TrimPrefix(d.text[at:], d.facts.header) // a turn that goes on may have none
		return len(d.text) - len(rest), true
	}
	at, found = d.swaps[i]
	return at, found && d.layout.begins[i] <= at
}

// findSpans finds the turns of the plan and proves them.
func (d *dialog) findSpans() *unproven {
	turns := d.plan.turns()
	if len(turns) == 0 || d.allGiven {
		return nil
	}
	for _, i := range turns {
		if u := d.findSpan(i); u != nil {
			return u
		}
	}
	return d.prove()
}

func (d *dialog) findSpan(i int) *unproven {
	begin, found := d.begin(i)
	if !found {
		begin, found = d.markedBegin(i)
	}
	end, ends := d.end(i)
	switch {
	case !found || !ends:
		return &unproven{i, d.noLayout}
	case end < begin:
		return &unproven{i, "its text ends before it begins"}
	}
	if d.generated && d.messages[i].Role() == assistant {
		d.spans[i] = d.givenIn(i, end)
		return nil
	}
	d.spans[i] = d.facts.convention.apply(d.text, tokenizer.Span{Start: begin, End: end})
	return nil
}

// givenIn are the bytes that the template marks in the turn of message i, which ends
// somewhere.
func (d *dialog) givenIn(i, end int) (spans []tokenizer.Span) {
	begin, found := d.begin(i)
	if d.layout != nil && d.layout.begins[i] >= 0 {
		begin = d.layout.begins[i]
	} else if !found {
		return nil
	}
	for _, s := range d.given {
		if s.Start >= begin && s.Start < end {
			spans = append(spans, s)
		}
	}
	return spans
}

// common is how many bytes two texts have in common at their beginning, whole
// characters only.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return n
}

// unproven is why a span is refused.
type unproven struct {
	message int
	why     string
}

// prove checks with the sentinels that the spans hold what their messages say, and
// nothing of others.
func (d *dialog) prove() *unproven {
	turns := d.plan.turns()
	plain, found := d.sentinels.out(d.proof)
	if plain != d.text {
		return &unproven{turns[0], "another word in a message changes more than that message"}
	}
	for _, p := range found {
		own, learned := d.spans[p.message]
		in := func(s tokenizer.Span) bool { return s.Start < p.at && p.at < s.End }
		at := func(s tokenizer.Span) bool { return s.Start <= p.at && p.at <= s.End }
		if learned && !slices.ContainsFunc(own, at) {
			return &unproven{p.message, "its text also stands outside of its turn"}
		}
		for _, i := range turns {
			if i != p.message && slices.ContainsFunc(d.spans[i], in) {
				return &unproven{i, fmt.Sprintf("the text of messages[%d] stands in its turn", p.message)}
			}
		}
	}
	return nil
}

// swapped are the messages with another content of message i, which differs from the
// first character on. ok is false where it has no text.
func (d *dialog) swapped(i int) (messages []sdk.Message, ok bool) {
	messages = slices.Clone(d.messages)
	messages[i], ok = withContent(messages[i], func(text string) (string, bool) {
		text = strings.TrimSpace(text)
		word := d.sentinels.of(i)
		if strings.HasPrefix(text, word[:1]) {
			word = "x" + word
		}
		return word, text != ""
	})
	return messages, ok
}

// refusal is the error about a turn.
func (d *dialog) refusal(u *unproven) error {
	role := d.messages[u.message].Role()
	return fmt.Errorf(
		"the bytes of messages[%d] (%s) cannot be told from the others: %s; %s:%d writes it; put {%% generation %%} and {%% endgeneration %%} around what is learned there, or learn from whole conversations",
		u.message,
		role,
		u.why,
		d.facts.path,
		lineOf(d.facts.source, role),
	)
}

// lineOf is the line of a template that writes the messages of a role: the first in
// the loop over messages that names the role, or else the loop's.
func lineOf(source, role string) int {
	loop := -1
	for _, found := range tags.FindAllStringSubmatchIndex(source, -1) {
		text := source[found[0]:found[1]]
		if strings.HasPrefix(text, "{#") {
			continue
		}
		if t := tagAt(source, found); t.word == "for" && strings.Contains(t.rest, "message") {
			loop = found[0]
		}
		if loop >= 0 && (strings.Contains(text, "'"+role+"'") || strings.Contains(text, `"`+role+`"`)) {
			loop = found[0] + max(strings.Index(text, "'"+role+"'"), strings.Index(text, `"`+role+`"`))
			break
		}
	}
	return 1 + strings.Count(source[:max(loop, 0)], "\n")
}
