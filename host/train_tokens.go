package host

import (
	"fmt"
	"strconv"
	"strings"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/task"
	"llmhost/host/tokenizer"
)

// layout is what a run puts around each text.
type layout struct {
	tokens        *tokenizer.Tokenizer
	before, after []int32
	notes         []string // what a user should know about them
}

// layoutOf settles what a run puts around each text: in front what the tokenizer
// puts there, behind it EOS, since a model that is to stop must have seen the end and
// a head reads the same token of every text. The settings overrule both. An encoder's
// texts stand between [CLS] and [SEP].
func layoutOf(s config.TokenSettings, t *task.Task, tok *tokenizer.Tokenizer, encoder bool) (l layout, err error) {
	return layoutFor(s, t.Program.Needs().LM, tok, encoder)
}

// layoutFor is layoutOf without a task. learns says that tokens are learned.
func layoutFor(s config.TokenSettings, learns bool, tok *tokenizer.Tokenizer, encoder bool) (l layout, err error) {
	special, own := tok.Special(), tok.Around()
	begin := side{"add_bos_token", s.AddBOS, "BOS", special.BOS, own.Before, own.IgnoredBefore}
	end := side{"add_eos_token", s.AddEOS, "EOS", special.EOS, own.After, own.IgnoredAfter}
	switch {
	case encoder:
		begin.id, begin.auto = special.CLS, ids(special.CLS)
		end.id, end.auto = special.SEP, ids(special.SEP)
	case special.EOS >= 0:
		end.auto, end.ignored = ids(special.EOS), ""
	}
	l.tokens = tok
	if l.before, err = l.settle(begin, s.AddSpecialTokens); err != nil {
		return l, err
	}
	if l.after, err = l.settle(end, s.AddSpecialTokens); err != nil {
		return l, err
	}
	if learns && len(l.after) == 0 && end.given.Or(s.AddSpecialTokens) != config.Off {
		l.note("the tokenizer names no EOS token: answers are learned without their end, and the model does not learn to stop; name one in its tokenizer_config.json, or let set_special_tokens = true add </s>")
	}
	return l, nil
}

func (l *layout) note(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
}

// side is what may be put on one side of each text.
type side struct {
	setting string
	given   config.Switch
	role    string
	id      int32   // of the role's token, -1 for none
	auto    []int32 // what auto puts there
	ignored string  // what tokenizer_config.json asks for instead
}

// settle returns what is put on one side, where both is the setting of both.
func (l *layout) settle(s side, both config.Switch) ([]int32, error) {
	switch value := s.given.Or(both); {
	case s.given == config.On && s.id < 0:
		return nil, fmt.Errorf(
			"%s is true, and the tokenizer names no %s token; name one in its tokenizer_config.json, let set_special_tokens = true add one, or remove %s",
			s.setting,
			s.role,
			s.setting,
		)
	case value == config.On:
		return ids(s.id), nil
	case value == config.Off:
		return nil, nil
	case s.ignored != "":
		l.note("tokenizer_config.json has %s, which transformers ignores beside a tokenizer.json, and so does this run; %s of the run decides", s.ignored, s.setting)
	}
	return s.auto, nil
}

// ids is a token by itself; none for -1.
func ids(id int32) []int32 {
	if id < 0 {
		return nil
	}
	return []int32{id}
}

// String says what is put around texts.
func (l layout) String() string {
	return fmt.Sprintf("tokens %s before each text, %s after it", l.spell(l.before), l.spell(l.after))
}

// spell names tokens as the tokenizer spells them; "nothing" where there are none.
func (l layout) spell(ids []int32) string {
	var names []string
	for _, id := range ids {
		name, _ := l.tokens.Token(id)
		if strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) }) {
			name = strconv.Quote(name)
		}
		names = append(names, name)
	}
	if names == nil {
		return "nothing"
	}
	return strings.Join(names, "")
}

// shownTokens is how many special tokens in texts are named.
const shownTokens = 5

// count says which special tokens the surveyed texts spelt out.
func (l layout) count(v data.Survey) (lines []string) {
	if v.Begun > 0 {
		lines = append(lines, fmt.Sprintf("       %d of %d texts already begin with %s, which is not doubled", v.Begun, v.Sequences, l.spell(l.before)))
	}
	if v.Ended > 0 {
		lines = append(lines, fmt.Sprintf("       %d of %d texts already end in %s, which is not doubled", v.Ended, v.Sequences, l.spell(l.after)))
	}
	if v.Replaced > 0 {
		lines = append(lines, fmt.Sprintf("       %d of %d texts hold U+FFFD, which stands for what could not be read", v.Replaced, v.Sequences))
	}
	if v.AsText > 0 {
		lines = append(lines, fmt.Sprintf("       %d of %d chats spell out special tokens, which are read as text; allow_special_tokens_in_text = true reads them as such", v.AsText, v.Sequences))
	}
	if v.Rewritten > 0 {
		lines = append(lines, fmt.Sprintf("       %d of %d chats are written in another way than the model is asked with for one of their turns: the template changes earlier messages, or what ends the prompt, once the conversation goes on", v.Rewritten, v.Sequences))
	}
	if v.Merged > 0 {
		lines = append(lines, fmt.Sprintf("       in %d of %d chats a token spans the end of the prompt and the beginning of the answer", v.Merged, v.Sequences))
	}
	if v.Controlled == 0 {
		return lines
	}
	var names []string
	for i, id := range v.Control {
		if i == shownTokens {
			names = append(names, fmt.Sprintf("%d more", len(v.Control)-shownTokens))
			break
		}
		names = append(names, l.spell([]int32{int32(id)}))
	}
	return append(lines, fmt.Sprintf(
		"       %d of %d texts hold special tokens (%s), which are read as such; split_special_tokens = true reads them as text",
		v.Controlled,
		v.Sequences,
		strings.Join(names, ", "),
	))
}
