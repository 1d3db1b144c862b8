package mutants

import (
	"strings"

	"llmhost/sdk"
)

// asked reads question and answer and gives a chat of them.
type asked struct {
	chat func(question, answer string, o *sdk.Out)
}

func (asked) Columns() []sdk.Column { return qa{}.Columns() }

func (f asked) Format(r *sdk.Row, o *sdk.Out) error {
	f.chat(r.Str(0), r.Str(1), o)
	return nil
}

func user(text string) []sdk.Message      { return []sdk.Message{sdk.NewMessage("user", text)} }
func assistant(text string) []sdk.Message { return []sdk.Message{sdk.NewMessage("assistant", text)} }

// chats are formatters whose candidates are chats.
func chats() []Mutant {
	mutant := func(name, bug, check string, chat func(question, answer string, o *sdk.Out)) Mutant {
		return formatterMutant(name, bug, asked{chat}, check)
	}
	count := 0
	return []Mutant{
		mutant("chat-swapped", "the user answers, and the assistant asks", "texts", func(question, answer string, o *sdk.Out) {
			o.Chat(sdk.Chat{Prompt: user(answer), Answer: assistant(question)})
		}),
		mutant("chat-in-lower-case", "contents lose their capitals", "texts", func(question, answer string, o *sdk.Out) {
			o.Chat(sdk.Chat{Prompt: user(strings.ToLower(question)), Answer: assistant(answer)})
		}),
		mutant("chat-laid-out", "contents have control tokens of one model's template", "texts", func(question, answer string, o *sdk.Out) {
			o.Chat(sdk.Chat{Prompt: user("<|im_start|>user\n" + question + "<|im_end|>"), Answer: assistant(answer)})
		}),
		mutant("chat-without-role", "a message has no role", "records", func(question, answer string, o *sdk.Out) {
			o.Chat(sdk.Chat{Prompt: []sdk.Message{{JSON: `{"content": ` + sdk.JSONQuote(question) + "}"}}, Answer: assistant(answer)})
		}),
		mutant("chat-unquoted", "the JSON of a message is glued together", "texts", func(question, answer string, o *sdk.Out) {
			o.Chat(sdk.Chat{Prompt: []sdk.Message{{JSON: `{"role": "user", "content": "` + question + `"}`}}, Answer: assistant(answer)})
		}),
		mutant("chat-unanswered", "a chat ends with the question", "texts", func(question, _ string, o *sdk.Out) {
			o.Chat(sdk.Chat{Prompt: user(question)})
		}),
		mutant("chat-tells", "the answer is among what is given", "texts", func(question, answer string, o *sdk.Out) {
			o.Chat(sdk.Chat{Prompt: append(user(question), assistant(answer)...), Answer: assistant(answer)})
		}),
		mutant("chat-and-text", "one candidate is a chat, and another a text", "records", func(question, answer string, o *sdk.Out) {
			o.Chat(sdk.Chat{Prompt: user(question), Answer: assistant(answer)})
			o.Candidate(question, answer)
		}),
		mutant("chat-tools-object", "the tools are no list", "records", func(question, answer string, o *sdk.Out) {
			o.Chat(sdk.Chat{Prompt: user(question), Answer: assistant(answer), Tools: "{}"})
		}),
		mutant("chat-counts", "every other chat has a system message", "batches", func(question, answer string, o *sdk.Out) {
			prompt := user(question)
			if count++; count%2 == 0 {
				prompt = append([]sdk.Message{sdk.NewMessage("system", "Be brief.")}, prompt...)
			}
			o.Chat(sdk.Chat{Prompt: prompt, Answer: assistant(answer)})
		}),
		mutant("chat-forgets-learn", "which messages are learned changes from record to record", "batches", func(question, answer string, o *sdk.Out) {
			count++
			learned := assistant(answer)
			learned[0].Learn = sdk.Learn(count % 3)
			o.Chat(sdk.Chat{Answer: append(user(question), learned...)})
		}),
	}
}
