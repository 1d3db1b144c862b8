package conformance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/tokenizer"

	"github.com/stretchr/testify/require"
)

// tokenizerCases holds the texts and what each tokenizer makes of them, under
// keys that begin with the tokenizer's kind.
const tokenizerCases = "cases"

func isTexts(name string) bool { return name == tokenizerCases }

func skipTokenizer(f fixtures, name string) string {
	if _, err := os.Stat(filepath.Join(f.root, "tokenizers", name, "tokenizer.json")); err != nil {
		return "not covered: this folder has no tokenizer.json"
	}
	return ""
}

func checkTokenizer(t *testing.T, f fixtures, name string) {
	tok, err := tokenizer.Load(filepath.Join(f.root, "tokenizers", name))
	require.NoError(t, err)
	t.Cleanup(func() { tok.Close() })
	kind := name[strings.LastIndex(name, "_")+1:] // tiny_bpe: bpe
	all := read[struct{ Cases []map[string]json.RawMessage }](t, f, "tokenizers", tokenizerCases)
	require.NotEmpty(t, all.Cases)
	for special, suffix := range map[bool]string{false: "_ids", true: "_ids_special"} {
		t.Run(kind+suffix, func(t *testing.T) {
			for _, c := range all.Cases {
				got, err := tok.Encode(value[string](t, c, "text"), special)
				require.NoError(t, err)
				require.Equal(t, value[[]int32](t, c, kind+suffix), got, "%s", c["text"])
			}
		})
	}
	for skip, suffix := range map[bool]string{false: "_decoded", true: "_decoded_skip_special"} {
		t.Run(kind+suffix, func(t *testing.T) {
			for _, c := range all.Cases {
				if c[kind+suffix] == nil {
					t.Skipf("the cases have no %s%s", kind, suffix)
				}
				got, err := tok.Decode(value[[]int32](t, c, kind+"_ids"), skip)
				require.NoError(t, err)
				require.Equal(t, value[string](t, c, kind+suffix), got, "%s", c["text"])
			}
		})
	}
}

// value reads one entry of a JSON object.
func value[T any](t *testing.T, object map[string]json.RawMessage, key string) (out T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(object[key], &out), "%s", key)
	return out
}
