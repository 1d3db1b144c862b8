package host

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"llmhost/host/chat"
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/lm"
	"llmhost/host/rundir"
	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// chats turns the conversations of a run into tokens. It is data.Chats.
type chats struct {
	settings config.ChatSettings
	answers  bool // prompts are no labels
	labels   bool // somebody reads labels
	anyEnd   bool // what is learned may end in any token
	template *chat.Template
	encoder  chat.Encoder
	missing  error // why there is no template

	mutex sync.Mutex
	laid  bool           // some chats were laid out
	blank map[int32]bool // tokens that are blanks alone
	end   *int32         // the token that ends an answer, noEnd for none; nil where nobody asked yet
}

// openChats opens the chat template of a tokenizer. One that is missing is an error
// only where data has conversations.
func openChats(s config.Settings, tok *tokenizer.Tokenizer, labels bool) (*chats, error) {
	c := &chats{settings: s.ChatSettings, answers: s.OnlyPredictAnswer, labels: labels, blank: map[int32]bool{}}
	c.anyEnd = s.AddEOS.Or(s.AddSpecialTokens) == config.Off
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

// digest is that of what chats are laid out by: the template, and the day where it asks
// for one. "" where there is no template.
func (c *chats) digest() string {
	if c.missing != nil {
		return ""
	}
	digest := c.template.Digest()
	if !c.template.TellsTime() || c.template.Now().Equal(chat.DefaultNow) {
		return digest
	}
	sum := sha256.Sum256([]byte(digest + " " + c.template.Now().Format(time.DateOnly)))
	return hex.EncodeToString(sum[:])
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
	c.mutex.Lock()
	c.laid = true
	c.mutex.Unlock()
	out := make([][]data.ChatTokens, len(encoded))
	for i, example := range encoded {
		for _, tokens := range example {
			end, err := c.endOf(tokens)
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], data.ChatTokens{
				IDs:       tokens.IDs,
				Learned:   tokens.Learned,
				Control:   tokens.Control,
				AsText:    tokens.AsText,
				EndsTurn:  end != noEnd || c.anyEnd,
				Rewritten: tokens.Rewritten,
				Merged:    tokens.Merged,
				Err:       tokens.Err,
			})
		}
	}
	return out, nil
}

// noEnd is the token at the end of an answer that ends like any other text.
const noEnd = -1

// answerEnd is the special token with which the template ends an answer, noEnd where
// there is none or the template cannot be asked. Without one a model learns to write
// the end as any other text.
func (c *chats) answerEnd() (int32, error) {
	c.mutex.Lock()
	known := c.end
	c.mutex.Unlock()
	if known != nil {
		return *known, nil
	}
	asker := c.encoder
	asker.Learning = func(*sdk.Chat) chat.Learning { return chat.Learning{} }
	encoded, err := asker.Encode([][]*sdk.Chat{{{
		Prompt: []sdk.Message{sdk.NewMessage("user", "question")},
		Answer: []sdk.Message{sdk.NewMessage("assistant", "answer")},
	}}})
	if err != nil {
		return noEnd, err
	}
	end := int32(noEnd)
	if encoded[0][0].Err == nil {
		if end, err = c.endOf(encoded[0][0]); err != nil {
			return noEnd, err
		}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.end = &end
	return end, nil
}

// endOf is the special token in which what is learned of a chat ends, but for blanks;
// noEnd where it ends otherwise.
func (c *chats) endOf(tokens chat.Tokens) (int32, error) {
	for n := len(tokens.IDs) - 1; n >= 0; n-- {
		id := tokens.IDs[n]
		if !tokens.Learned[n] {
			continue
		}
		if c.encoder.Tokenizer.IsControl(id) {
			return id, nil
		}
		if blank, err := c.isBlank(id); err != nil || !blank {
			return noEnd, err
		}
	}
	return noEnd, nil
}

// isBlank tells whether a token stands for blanks alone.
func (c *chats) isBlank(id int32) (bool, error) {
	c.mutex.Lock()
	blank, known := c.blank[id]
	c.mutex.Unlock()
	if known {
		return blank, nil
	}
	text, err := c.encoder.Tokenizer.Decode([]int32{id}, false)
	if err != nil {
		return false, err
	}
	blank = strings.TrimSpace(text) == ""
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.blank[id] = blank
	return blank, nil
}

// text is a chat as the template writes it; messages and tools are JSON.
func (c *chats) text(messages []string, tools string) (string, error) {
	rendered, err := c.template.Render(chat.Conversation{Messages: messages, Tools: tools, Args: c.settings.ChatTemplateKwargs})
	return rendered.Text, err
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
func (c *chats) learning(given *sdk.Chat) chat.Learning {
	how := chat.Learning{Prompt: !c.answers}
	if !c.labels {
		return chat.Learning{}
	}
	how.Roles = c.settings.TrainsOnRoles()
	how.Last = c.settings.TrainsOnLast()
	how.Turns = c.settings.AssistantOnlyLoss == config.On
	if c.settings.AssistantOnlyLoss == config.Auto {
		how.Turns = how.Roles != nil || how.Last || c.answers && len(given.Prompt) == 0
	}
	return how
}

// learned says it in words, for the run's first lines.
func (c *chats) learned() string {
	prompted := c.learning(&sdk.Chat{Prompt: make([]sdk.Message, 1)})
	whole := c.learning(&sdk.Chat{})
	turns := "the turns of the assistant"
	switch {
	case whole.Last:
		turns = "the last turn of the assistant"
	case whole.Roles != nil:
		turns = "the turns of " + strings.Join(whole.Roles, " and ")
	}
	turns += ", their end tokens included, found by rendering"
	if c.template.MarksGeneration(false) {
		turns = strings.TrimSuffix(turns, "found by rendering") + "as the template marks them"
	}
	switch {
	case !c.labels:
		return "nothing by its tokens: whole chats are scored"
	case !whole.Turns && !c.answers:
		return "all tokens"
	case !whole.Turns:
		return "all that is not the prompt"
	case !prompted.Turns:
		return "in chats with a prompt all that follows it, in others " + turns + "; assistant_only_loss = true or false says it for both"
	}
	return turns
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

// any tells whether there were chats.
func (c *chats) any() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.laid
}

// report says how the chats of the run were laid out.
func (c *chats) report() ([]string, error) {
	changing, err := c.template.Changing()
	if err != nil {
		return nil, err
	}
	lines := []string{
		fmt.Sprintf("chats  laid out by %s", strings.Join(c.paths(), ", ")),
		"       learned: " + c.learned(),
	}
	end, err := c.answerEnd()
	if err != nil {
		return nil, err
	}
	if c.labels && end == noEnd {
		lines = append(lines, "       the template ends an answer with no special token of the tokenizer: a model learns its end like any other text; additional_special_tokens adds the token")
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

// reportChats says how the conversations of the training files were laid out.
func (d *dataset) reportChats() error {
	v := d.train.Survey
	if v.Chats == 0 {
		return nil
	}
	lines, err := d.chats.report()
	if err != nil {
		return err
	}
	if v.Chats == v.Sequences {
		d.report = d.report[1:] // nothing is put around chats
	}
	d.report = append(d.report, lines...)
	return nil
}

// nameEnd has the model that is saved name the token that ends an answer of a chat, so
// that whoever generates with it stops there, and says so where it did not before.
func (d *dataset) nameEnd(policy *lm.Model) (note string, err error) {
	if d.train.Survey.Chats == 0 || !d.chats.labels {
		return "", nil
	}
	end, err := d.chats.answerEnd()
	if err != nil || end == noEnd {
		return "", err
	}
	added, err := policy.AddEnd(end)
	if err != nil || !added {
		return "", err
	}
	note = fmt.Sprintf("answers of chats end in %s, at which programs that generate with this model do not stop by its generation_config.json", d.around.spell(ids(end)))
	if policy.Adapter != nil {
		return note + "; an adapter has no such file: add the token to eos_token_id in that of the base or of the merged model", nil
	}
	return note + "; that of the saved model names it beside the others", nil
}
