package chat_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/chat"
	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// BenchmarkEncode goes from chats to ids and labels, with SmolLM2's tokenizer and
// template out of the folder that LLMHOST_SHARED names: chats of 1 to 3 questions,
// about 600 bytes each. testdata/bench.py does the same with transformers.
func BenchmarkEncode(b *testing.B) {
	shared := os.Getenv("LLMHOST_SHARED")
	if shared == "" {
		b.Skip("LLMHOST_SHARED names no folder with tokenizers")
	}
	folder := b.TempDir()
	for from, to := range map[string]string{"smollm2/tokenizer.json": "tokenizer.json", "chat_templates/smollm2_hf.jinja": "chat_template.jinja"} {
		data, err := os.ReadFile(filepath.Join(shared, "tokenizers", from))
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(filepath.Join(folder, to), data, 0o644))
	}
	tok, err := tokenizer.Load(folder)
	require.NoError(b, err)
	defer tok.Close()
	template, err := chat.Load(tok, chat.Options{})
	require.NoError(b, err)
	chats := manyChats(2000)
	for name, how := range map[string]chat.Learning{"turns": {Turns: true}, "whole": {}} {
		encoder := chat.Encoder{Template: template, Tokenizer: tok, Learning: func(*sdk.Chat) chat.Learning { return how }}
		b.Run(name, func(b *testing.B) {
			tokens := 0
			for b.Loop() {
				encoded, err := encoder.Encode(chats)
				require.NoError(b, err)
				for _, e := range encoded {
					require.NoError(b, e[0].Err)
					tokens += len(e[0].IDs)
				}
			}
			b.ReportMetric(float64(b.N*len(chats))/b.Elapsed().Seconds(), "chats/s")
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// manyChats are the chats of testdata/bench.py.
func manyChats(n int) (examples [][]*sdk.Chat) {
	for i := range n {
		c := &sdk.Chat{}
		for turn := range 1 + i%3 {
			c.Answer = append(c.Answer,
				message("user", fmt.Sprintf("Question %d of chat %d: %s?", turn, i, strings.Repeat("what is the capital of the country ", 2))),
				message("assistant", fmt.Sprintf("Answer %d: %s.", turn, strings.Repeat("the capital that you ask for is Paris, of course ", 3))),
			)
		}
		examples = append(examples, []*sdk.Chat{c})
	}
	return examples
}
