package check_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// soundFormatter is a formatter as its author would write it.
type soundFormatter struct {
	columns []sdk.Column
	format  func(r *sdk.Row, o *sdk.Out) error
}

func (f soundFormatter) Columns() []sdk.Column               { return f.columns }
func (f soundFormatter) Format(r *sdk.Row, o *sdk.Out) error { return f.format(r, o) }

func needed(name string, t sdk.ColumnType) sdk.Column {
	return sdk.Column{Name: name, Type: t, Required: true}
}

// tuned has parameters of every type.
type tuned struct {
	Strip   bool   `llmhost:"strip,default=false,doc=take blanks off the ends of answers"`
	Mark    string `llmhost:"mark,default=Q: ,doc=what stands before the question"`
	Longest int    `llmhost:"longest,default=20000,min=1,doc=characters of the longest answer that is taken"`
	Style   string `llmhost:"style,default=plain,choices=plain|chat,doc=how prompts look"`
}

func (tuned) Columns() []sdk.Column {
	return []sdk.Column{needed("question", sdk.String), needed("answer", sdk.String)}
}

func (f tuned) Format(r *sdk.Row, o *sdk.Out) error {
	answer := r.Str(1)
	if f.Strip {
		answer = strings.TrimSpace(answer)
	}
	switch {
	case answer == "":
		return o.Drop("no answer")
	case len(answer) > f.Longest:
		return o.Drop("too long")
	case f.Style == "chat":
		o.Candidate("<|user|>"+f.Mark+r.Str(0)+"<|assistant|>", answer)
	default:
		o.Candidate(f.Mark+r.Str(0)+"\n", answer)
	}
	return nil
}

var soundFormatters = map[string]sdk.Formatter{
	"chats": soundFormatter{[]sdk.Column{needed("question", sdk.String), needed("answers", sdk.StringList), {Name: "tools", Type: sdk.JSON, Examples: []string{`[{"type": "function"}]`}}}, func(r *sdk.Row, o *sdk.Out) error {
		if len(r.Strs(1)) == 0 {
			return o.Drop("no answer")
		}
		tools := ""
		if strings.HasPrefix(r.JSON(2), "[") {
			tools = r.JSON(2)
		}
		for i, answer := range r.Strs(1) {
			prompt := []sdk.Message{sdk.NewMessage("system", "Be brief."), sdk.NewMessage("user", r.Str(0))}
			o.Chat(sdk.Chat{Prompt: prompt, Answer: []sdk.Message{sdk.NewMessage("assistant", answer)}, Tools: tools}).Set("rank", float64(i))
		}
		return nil
	}},
	"whole chats": soundFormatter{[]sdk.Column{needed("messages", sdk.JSON)}, func(r *sdk.Row, o *sdk.Out) error {
		messages, err := sdk.Messages(r.JSON(0))
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			return o.Drop("no message")
		}
		o.Chat(sdk.Chat{Answer: messages})
		return nil
	}},
	"parameters": tuned{},
	"optional field": soundFormatter{[]sdk.Column{needed("instruction", sdk.String), {Name: "input", Type: sdk.String}, needed("output", sdk.String), {Name: "weight", Type: sdk.Float}}, func(r *sdk.Row, o *sdk.Out) error {
		prompt, weight := "### Instruction:\n"+r.Str(0), 1.0
		if r.Has(1) && r.Str(1) != "" {
			prompt += "\n\n### Input:\n" + r.Str(1)
		}
		if r.Has(3) {
			weight = r.Float(3)
		}
		o.Candidate(prompt+"\n\n### Response:\n", r.Str(2))
		o.Set("weight", weight)
		return nil
	}},
	"chat": soundFormatter{[]sdk.Column{needed("messages", sdk.JSON)}, func(r *sdk.Row, o *sdk.Out) error {
		var turns []struct{ Role, Content string }
		if err := json.Unmarshal([]byte(r.JSON(0)), &turns); err != nil {
			return errors.New("messages is no list of role and content")
		}
		last := len(turns) - 1
		if last < 0 || turns[last].Role != "assistant" {
			return o.Drop("the assistant does not have the last word")
		}
		prompt := ""
		for _, t := range turns[:last] {
			prompt += "<|" + t.Role + "|>" + t.Content + "\n"
		}
		o.Candidate(prompt+"<|assistant|>", turns[last].Content)
		return nil
	}},
	"best and worst": soundFormatter{[]sdk.Column{needed("prompt", sdk.String), needed("texts", sdk.StringList), needed("scores", sdk.FloatList)}, func(r *sdk.Row, o *sdk.Out) error {
		texts, scores := r.Strs(1), r.Floats(2)
		if len(texts) != len(scores) || len(texts) == 0 {
			return errors.New("texts and scores do not pair up")
		}
		best, worst := 0, 0
		for i, s := range scores {
			if s > scores[best] {
				best = i
			}
			if s < scores[worst] {
				worst = i
			}
		}
		if scores[best] == scores[worst] {
			return o.Drop("no two scores")
		}
		o.Candidate(r.Str(0), texts[best]).Set("score", 1)
		o.Candidate(r.Str(0), texts[worst]).Set("score", 0)
		return nil
	}},
	"desirable or not": soundFormatter{[]sdk.Column{needed("prompt", sdk.String), needed("completion", sdk.String), needed("label", sdk.Bool)}, func(r *sdk.Row, o *sdk.Out) error {
		label := -1.0
		if r.Bool(2) {
			label = 1
		}
		o.Candidate(r.Str(0), r.Str(1)).Set("label", label)
		return nil
	}},
	"multiple choice": soundFormatter{[]sdk.Column{needed("question", sdk.String), needed("choices", sdk.StringList), needed("answer", sdk.Int)}, func(r *sdk.Row, o *sdk.Out) error {
		choices, right := r.Strs(1), r.Int(2)
		if right < 0 || right >= int64(len(choices)) {
			return errors.New("answer is no choice")
		}
		for i, choice := range choices {
			score := 0.0
			if int64(i) == right {
				score = 1
			}
			o.Candidate(r.Str(0)+"\n", choice).Set("score", score)
		}
		return nil
	}},
}

// No sound formatter is called wrong.
func TestSoundFormattersPass(t *testing.T) {
	for name, formatter := range soundFormatters {
		t.Run(name, func(t *testing.T) {
			report := checked(t, sdk.Plugin{Name: "sound", Version: "1", Doc: name, Formatters: []sdk.FormatterSpec{sdk.NewFormatter("sound", name, formatter)}}, check.Options{})
			require.True(t, report.OK(), report.Text())
		})
	}
}

// A formatter that keeps records out in one batch and not in the next does not
// end the check.
func TestWhatChangesItsMindIsNoEndOfTheCheck(t *testing.T) {
	seen := map[string]bool{}
	once := soundFormatter{[]sdk.Column{needed("text", sdk.String)}, func(r *sdk.Row, o *sdk.Out) error {
		if seen[r.Str(0)] {
			return o.Drop("seen before")
		}
		seen[r.Str(0)] = true
		o.Candidate("", r.Str(0))
		return nil
	}}
	report := checked(t, sdk.Plugin{Name: "once", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("once", "", once)}}, check.Options{})
	require.False(t, report.OK())
	require.NotContains(t, report.Text(), "broke over")
}
