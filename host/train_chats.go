package host

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"llmhost/host/chat"
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/rundir"
	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// chats turns the conversations of a run into tokens. It is data.Chats.
type chats struct {
	settings config.ChatSettings
	answers  bool // prompts are no labels
	labels   bool // somebody reads labels
	template *chat.Template
	encoder  chat.Encoder
	missing  error // why there is no template

	mutex sync.Mutex
	seen  map[string]bool // ways of learning that chats of the run asked for
}

// openChats opens the chat template of a tokenizer. One that is missing is an error
// only where data has conversations.
func openChats(s config.Settings, tok *tokenizer.Tokenizer, labels bool) (*chats, error) {
	c := &chats{settings: s.ChatSettings, answers: s.OnlyPredictAnswer, labels: labels, seen: map[string]bool{}}
	c.template, c.missing = chat.Load(tok, chat.Options{Setting: s.ChatTemplate, Now: s.Day(), AllowSpecialTokens: s.AllowSpecialInText})
	if c.missing != nil && s.ChatTemplate != "" {
		return nil, c.missing
	}
	if c.missing == nil && c.template.FromSetting() {
		tok.ReplaceTemplate(c.template.Only()) // the model that is written has it
	}
	c.encoder = chat.Encoder{Template: c.template, Tokenizer: tok, Learning: c.learning}
	return c, nil
}

// digest is that of the template, "" where there is none.
func (c *chats) digest() string {
	if c.missing != nil {
		return ""
	}
	return c.template.Digest()
}

// record is what run.json says of the template; nil where there is none.
func (c *chats) record() *rundir.TemplateRecord {
	if c.missing != nil {
		return nil
	}
	return &rundir.TemplateRecord{Paths: c.paths(), SHA256: c.template.Digest(), Today: c.template.Now().Format(time.DateOnly)}
}

// EncodeChats returns the tokens of the chats of each example.
func (c *chats) EncodeChats(examples [][]*sdk.Chat) ([][]data.ChatTokens, error) {
	if c.missing != nil {
		return nil, c.missing
	}
	encoded, err := c.encoder.Encode(c.withKwargs(examples))
	if err != nil {
		return nil, err
	}
	out := make([][]data.ChatTokens, len(encoded))
	for i, example := range encoded {
		for _, tokens := range example {
			out[i] = append(out[i], data.ChatTokens{
				IDs:       tokens.IDs,
				Learned:   tokens.Learned,
				Control:   tokens.Control,
				AsText:    tokens.AsText,
				Rewritten: tokens.Rewritten,
				Merged:    tokens.Merged,
				Err:       tokens.Err,
			})
		}
	}
	return out, nil
}

// withKwargs are the chats with the run's variables for the template, where they do
// not give the same ones.
func (c *chats) withKwargs(examples [][]*sdk.Chat) [][]*sdk.Chat {
	if c.settings.ChatTemplateKwargs == "" {
		return examples
	}
	out := make([][]*sdk.Chat, len(examples))
	for i, example := range examples {
		for _, given := range example {
			changed := *given
			changed.Args = joinedArgs(c.settings.ChatTemplateKwargs, given.Args)
			out[i] = append(out[i], &changed)
		}
	}
	return out
}

// joinedArgs are the entries of two JSON objects; those of the second come before.
func joinedArgs(run, own string) string {
	if own == "" {
		return run
	}
	fields, err := sdk.JSONFields(own)
	if err != nil {
		return own // whoever renders it says what is wrong
	}
	given, err := sdk.JSONFields(run)
	if err != nil {
		return own
	}
	for _, f := range given {
		if !slices.ContainsFunc(fields, func(have sdk.Field) bool { return have.Key == f.Key }) {
			fields = append(fields, f)
		}
	}
	var parts []string
	for _, f := range fields {
		parts = append(parts, sdk.JSONQuote(f.Key)+": "+f.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// learning says what is learned of a chat.
func (c *chats) learning(given *sdk.Chat) (how chat.Learning) {
	if !c.labels {
		c.saw(how)
		return how
	}
	s := c.settings
	how.Prompt = !c.answers
	how.Roles = s.TrainsOnRoles()
	how.Last = s.TrainsOnLast()
	switch chosen := how.Roles != nil || how.Last; s.AssistantOnlyLoss {
	case config.On:
		how.Turns = true
	case config.Auto:
		how.Turns = chosen || c.answers && len(given.Prompt) == 0
	}
	c.saw(how)
	return how
}

// saw keeps what was asked for, so that the run can say it.
func (c *chats) saw(how chat.Learning) {
	what := "all that is not the prompt"
	switch {
	case !c.labels:
		what = "no tokens: whole chats are scored"
	case how.Turns && how.Last:
		what = "the last turn of the assistant"
	case how.Turns && how.Roles != nil:
		what = "the turns of " + strings.Join(how.Roles, " and ")
	case how.Turns:
		what = "the turns of the assistant"
	case how.Prompt:
		what = "all tokens"
	}
	if how.Turns {
		way := ", found by rendering with and without them"
		if c.template.MarksGeneration(false) {
			way = ", as the template marks them"
		}
		what += ", their end tokens included" + way
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.seen[what] = true
}

// key is what tokens of chats depend on.
func (c *chats) key() string {
	if c.missing != nil {
		return ""
	}
	text, err := json.Marshal(c.settings)
	if err != nil {
		panic(err) // plain values alone
	}
	return fmt.Sprint(c.template.Digest(), " ", string(text), c.labels)
}

// Said lists what was learned of chats so far.
func (c *chats) Said() []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Sorted(maps.Keys(c.seen))
}

// Recall adds what an earlier run learned of the same chats.
func (c *chats) Recall(said []string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, what := range said {
		c.seen[what] = true
	}
}

// report says how the chats of the run were laid out; nothing where it has none.
func (c *chats) report() (lines []string, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.seen) == 0 {
		return nil, nil
	}
	changing, err := c.template.Changing()
	if err != nil {
		return nil, err
	}
	var learned []string
	for what := range c.seen {
		learned = append(learned, what)
	}
	slices.Sort(learned)
	lines = []string{
		fmt.Sprintf("chats  laid out by %s", strings.Join(c.paths(), ", ")),
		fmt.Sprintf("       learned: %s", strings.Join(learned, "; ")),
	}
	if len(changing) > 0 {
		lines = append(lines, fmt.Sprintf(
			"       once a chat goes on, the template writes %s in another way: the tokens of a longer chat do not begin with those of the shorter one",
			strings.Join(changing, " and "),
		))
	}
	return lines, nil
}

// paths are where the templates came from.
func (c *chats) paths() (paths []string) {
	for _, name := range c.template.Names() {
		paths = append(paths, c.template.Path(name))
	}
	return paths
}

var _ data.Chats = (*chats)(nil)
