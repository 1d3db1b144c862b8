package plugin_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// quiet gives more than it declares.
type quiet struct{}

func (quiet) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: "texts", Type: sdk.StringList, Required: true},
		{Name: "marks", Type: sdk.FloatList, Examples: []string{"[1, 2]", "[-3, 4.5]", "null"}},
	}
}

func (quiet) Format(r *sdk.Row, o *sdk.Out) error {
	for i, text := range r.Strs(0) {
		c := o.Candidate("p", text)
		if r.Has(1) {
			c.Set("mark", r.Floats(1)[i])
		}
	}
	o.Set("weight", 2)
	return nil
}

// declaring is quiet and says a part of it.
type declaring struct{ quiet }

func (declaring) Gives() []sdk.Output {
	return []sdk.Output{{Name: "mark", Role: sdk.ScoreRole}}
}

// choosy takes no record that is made up.
type choosy struct{ quiet }

func (choosy) Format(*sdk.Row, *sdk.Out) error { return errors.New("takes nothing") }

// silent gives texts alone.
type silent struct{}

func (silent) Columns() []sdk.Column {
	return []sdk.Column{{Name: "text", Type: sdk.String, Required: true}}
}

func (silent) Format(r *sdk.Row, o *sdk.Out) error {
	o.Candidate("p", r.Str(0))
	return nil
}

// explain and list show what a formatter gives, whether it declares that or not.
func TestWhatAFormatterGivesIsShown(t *testing.T) {
	for _, x := range []struct {
		name       string
		formatter  sdk.FormatterSpec
		want, list string
	}{
		{"not declared", sdk.NewFormatter("f", "", quiet{}),
			"gives\n  column.mark            a number a candidate  number  -3 … 4.5 in examples  not declared\n" +
				"  example_column.weight  a number an example   number  2 … 2 in examples     not declared\n",
			"gives column.mark example_column.weight"},
		{"declared in part", sdk.NewFormatter("f", "", declaring{}),
			"gives\n  column.mark            a number a candidate  score   padded with -100   -3 … 4.5 in examples\n" +
				"  example_column.weight  a number an example   number  2 … 2 in examples  not declared\n",
			"gives column.mark example_column.weight"},
		{"not to be found out", sdk.NewFormatter("f", "", choosy{}),
			"gives\n  what it does not declare, and the examples of its fields do not show\n", "needs texts [marks]\n"},
		{"nothing", sdk.NewFormatter("f", "", silent{}), "gives\n  prompts and answers alone, no column\n", "needs text\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			ctx := context.Background()
			c, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: []sdk.Plugin{{Name: "p", Version: "1", Formatters: []sdk.FormatterSpec{x.formatter}}}})
			require.NoError(t, err)
			defer c.Close(ctx)
			text, err := c.Explain(ctx, "p", nil)
			require.NoError(t, err)
			require.Contains(t, text, x.want)
			require.Contains(t, plugin.List(ctx, c.Builtin()), x.list)
		})
	}
}

// talking gives a chat for each text.
type talking struct{}

func (talking) Columns() []sdk.Column {
	return []sdk.Column{{Name: "texts", Type: sdk.StringList, Required: true, Examples: []string{`["Hi\u0007", "` + strings.Repeat("é", 100) + `"]`}}}
}

func (talking) Format(r *sdk.Row, o *sdk.Out) error {
	given := []sdk.Message{{JSON: `{"role": "user", "content": [{"type": "text"}]}`, Learn: sdk.LearnNo}}
	for i, text := range r.Strs(0) {
		answer := sdk.NewMessage("assistant", text).With("name", `"A"`)
		o.Chat(sdk.Chat{Prompt: given, Answer: []sdk.Message{answer}, Args: `{"a": 1}`}).Set("score", -float64(i)/3)
	}
	return nil
}

// explain shows what a formatter makes of its fields' examples, of a chat each message.
func TestExamplesAreShown(t *testing.T) {
	c, err := plugin.NewCatalog(context.Background(), plugin.Options{Builtin: []sdk.Plugin{{Name: "p", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("f", "", talking{})}}}})
	require.NoError(t, err)
	text, err := c.Explain(context.Background(), "p", nil)
	require.NoError(t, err)
	require.Contains(t, text, "makes of their first examples\n"+
		"  given   user (not learned)  content: [{\"type\": \"text\"}]\n"+
		"  args                        {\"a\": 1}\n"+
		"  answer  assistant           \"Hi\\a\", name: \"A\""+strings.Repeat(" ", 59)+"score -0\n"+
		"  answer  assistant           \""+strings.Repeat("é", 60)+"\"…, name: \"A\"  score -0.333333\n")
}
