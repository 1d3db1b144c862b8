package alpaca_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/alpaca"
	"llmhost/sdk"
)

// row makes a row of instruction, input and output; a nil input is absent.
func row(instruction string, input *string, output string) sdk.Row {
	cells := []sdk.Cell{{Type: sdk.String, Str: instruction}, {}, {Type: sdk.String, Str: output}}
	if input != nil {
		cells[1] = sdk.Cell{Type: sdk.String, Str: *input}
	}
	return sdk.NewRow(cells)
}

func Example() {
	r := row("Say hello.", nil, "Hello!")
	e, err := sdk.FormatRow(alpaca.Default(), &r)
	fmt.Printf("%s%s %v\n", e.Candidates[0].Prompt, e.Candidates[0].Answer, err)
	// Output:
	// Below is an instruction that describes a task. Write a response that appropriately completes the request.
	//
	// ### Instruction:
	// Say hello.
	//
	// ### Response:Hello! <nil>
}

func TestFormat(t *testing.T) {
	keep, dialog := alpaca.Default(), alpaca.Default()
	keep.KeepEmpty, dialog.Template = true, alpaca.HumanAssistant
	blank, numbers := "", "1, 2"
	const with = "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n"
	const without = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
	for _, x := range []struct {
		name      string
		formatter alpaca.Formatter
		row       sdk.Row
		prompt    string
		err       string
	}{
		{"an input", alpaca.Default(), row("Add.", &numbers, "3"), with + "### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:", ""},
		{"an empty input", alpaca.Default(), row("Add.", &blank, "3"), without + "### Instruction:\nAdd.\n\n### Response:", ""},
		{"no input", alpaca.Default(), row("Add.", nil, "3"), without + "### Instruction:\nAdd.\n\n### Response:", ""},
		{"no output", alpaca.Default(), row("Add.", nil, " \n"), "", "dropped: an empty answer"},
		{"a dialog", dialog, row("Add.", &numbers, "3"), "Human: Add.\n1, 2\n\nAssistant: ", ""},
		{"a dialog without input", dialog, row("Add.", nil, "3"), "Human: Add.\n\nAssistant: ", ""},
		{"no output, kept", keep, row("Add.", nil, ""), without + "### Instruction:\nAdd.\n\n### Response:", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			e, err := sdk.FormatRow(x.formatter, &x.row)
			if x.err != "" {
				require.EqualError(t, err, x.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []sdk.Candidate{{Prompt: x.prompt, Answer: x.row.Str(2)}}, e.Candidates)
		})
	}
}

func TestNames(t *testing.T) {
	f := alpaca.Formatter{InstructionName: "task", InputName: "context", OutputName: "reply"}
	require.NoError(t, f.Validate())
	var names []string
	for _, c := range f.Columns() {
		names = append(names, c.Name)
	}
	require.Equal(t, []string{"task", "context", "reply"}, names)
	f.OutputName = "task"
	require.EqualError(t, f.Validate(), `instruction_name and output_name are both "task"; want different fields`)
}

// TestCodebase compares the prompts with those of llm_codebase, character by character.
func TestCodebase(t *testing.T) {
	folder := os.Getenv("LLMHOST_FIXTURES")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "fixtures")
	}
	text, err := os.ReadFile(filepath.Join(folder, "formatters", "formatters.json"))
	if err != nil {
		t.Skipf("%v; set LLMHOST_FIXTURES", err)
	}
	var all struct {
		Cases struct {
			Rows []struct{ Instruction, Input, Output string }
			Out  []struct{ Prompt, Answer string }
		} `json:"transform_alpaca"`
	}
	require.NoError(t, json.Unmarshal(text, &all))
	require.NotEmpty(t, all.Cases.Rows)
	for i, r := range all.Cases.Rows {
		cells := row(r.Instruction, &r.Input, r.Output)
		e, err := sdk.FormatRow(alpaca.Default(), &cells)
		require.NoError(t, err)
		require.Equal(t, []sdk.Candidate{{Prompt: all.Cases.Out[i].Prompt, Answer: all.Cases.Out[i].Answer}}, e.Candidates)
	}
}
