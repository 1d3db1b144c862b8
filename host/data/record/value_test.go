package record_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/record"
)

func TestValuesKeepOrderAndNumbers(t *testing.T) {
	for _, text := range []string{
		`{"b": 1.0, "a": 12345678901234567890, "e": 1E-3, "n": null, "t": [true, false, {}]}`,
		`"a\"\\\n\u2028é😀"`, `[]`, `-0.0`,
	} {
		v, err := record.Parse(text)
		require.NoError(t, err)
		require.Equal(t, text, v.JSON())
	}
}

func TestWhatIsNoJSON(t *testing.T) {
	for _, text := range []string{"", "{", `{"a"}`, `{"a": }`, `[1,]`, `"a`, `01`, `nul`, `{} x`, `[1 2]`, "\"\x01\\u00\""} {
		_, err := record.Parse(text)
		require.Error(t, err, text)
	}
}

// FuzzParse holds that what is read is JSON, and that what is written reads the same.
func FuzzParse(f *testing.F) {
	f.Add(`{"a": [1, "b", null]}`)
	f.Add(`[[[[`)
	f.Add("\"\xff\"")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := record.Parse(text)
		if err != nil {
			return
		}
		written := v.JSON()
		require.True(t, json.Valid([]byte(written)))
		again, err := record.Parse(written)
		require.NoError(t, err)
		require.Equal(t, written, again.JSON())
		record.Look(v.Members)
		for _, form := range record.Forms() {
			_, _ = form.Convert(v.Members)
		}
	})
}
