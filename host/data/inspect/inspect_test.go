package inspect_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/inspect"
	"llmhost/host/data/record"
	"llmhost/host/data/source"
)

// inspected is the report on records, an object a line, as training data.
func inspected(t *testing.T, lines ...string) *inspect.Report {
	t.Helper()
	in, err := inspect.New(inspect.Options{Near: 0.8, MaxLength: 512, Learns: true, Kept: 100})
	require.NoError(t, err)
	in.File(inspect.FileReport{Path: "a.jsonl", Kind: "JSON lines"})
	for i, line := range lines {
		v, err := record.Parse(line)
		require.NoError(t, err)
		item := &inspect.Item{Place: inspect.Place{Position: source.Position{File: "a.jsonl", Line: i + 1}, Number: i + 1}}
		item.Take(v.Members)
		in.Add(item)
	}
	return in.Report()
}

// found are the names of the checks with a finding.
func found(r *inspect.Report) (names []string) {
	for _, g := range r.Groups {
		names = append(names, g.Check)
	}
	return names
}

// answered is a record with an answer.
func answered(answer string) string {
	text, _ := json.Marshal(answer)
	return `{"prompt": "Tell me something of interest.", "completion": ` + string(text) + `}`
}

// TestGoodTextsAreLeftAlone holds that what looks like damage and is none is not found.
func TestGoodTextsAreLeftAlone(t *testing.T) {
	for _, text := range []string{
		" «LIBERTÉ», dit-il, ÇA VA? Às armas, NÃO! Ângela: «Ô»",
		" Grüße aus Köln – “schön”, nicht? Füße, ÄÖÜ",
		" Größer als ½, kleiner als 5 €; 20 °C, ±3 %",
		" Use a < b && c > d in the loop, and x &lt y.",
		" 1. \"Yes\"\n2. 'No'\n\n\tthird\r\n",
		" Привет, мир! 你好，世界。 こんにちは。 שלום عليكم",
		" In HTML write <br> for a line break and &amp; for an ampersand.",
		" ```\n<div>code</div>\n```",
		" The vector <1, 2> and the set {a|b}; array[0] and [INSTALL] here.",
		" 👩‍👩‍👧 family, ﬁ ligature, naïve café",
	} {
		r := inspected(t, answered(text))
		for _, name := range []string{"mojibake", "html", "control-chars", "special-tokens", "replacement"} {
			require.NotContains(t, found(r), name, text)
		}
	}
}

func TestDamagedTexts(t *testing.T) {
	for text, want := range map[string]string{
		" Itâ€™s": "mojibake", " cafÃ©": "mojibake", " 5 Â°C": "mojibake", " ðŸ˜€": "mojibake", " naÃ¯ve": "mojibake",
		" a\x00b": "control-chars", " a\u202eb": "control-chars", " a\ufeffb": "control-chars", " a\x1b[31m": "control-chars",
		" done</s>": "special-tokens", " <|eot_id|>": "special-tokens", " [INST] x": "special-tokens", " <start_of_turn>": "special-tokens",
		" a<br>b": "html", " Tom &amp; Jerry": "html", " it&#39;s": "html",
		" a\ufffdb": "replacement",
	} {
		require.Contains(t, found(inspected(t, answered(text))), want, text)
	}
}

func TestToolsAndSystemTurnsAreInOrder(t *testing.T) {
	r := inspected(t,
		`{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f"}}]}, {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}, {"role": "assistant", "content": "a"}]}`,
		`{"conversations": [{"from": "human", "value": "u"}, {"from": "function_call", "value": "{}"}, {"from": "observation", "value": "1"}, {"from": "gpt", "value": "a"}]}`,
	)
	require.NotContains(t, found(r), "role-order")
	require.NotContains(t, found(r), "empty")
}

// article is some words in a random order.
func article(random *rand.Rand, n int) []string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprintf("w%d", random.IntN(5000))
	}
	return words
}

// TestNearDuplicatesAreFoundInManyRecords holds that texts that differ in few words are
// found, and those that share only a preamble are not.
func TestNearDuplicatesAreFoundInManyRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	preamble := "below is an instruction that describes a task write a response that completes the request and take care of every word of it as well as you can "
	var lines []string
	wanted := map[int]bool{}
	var earlier []string
	for i := range 3000 {
		words := article(random, 20+random.IntN(60))
		if i%100 == 99 {
			words = append([]string{}, earlier...)
			words[random.IntN(len(words))] = "changed"
			wanted[i+1] = true
		}
		earlier = words
		lines = append(lines, answered(" "+preamble+strings.Join(words, " ")))
	}
	got := map[int]bool{}
	for _, g := range inspected(t, lines...).Groups {
		for _, f := range g.Findings {
			if f.Check == "near-duplicates" {
				got[f.Row] = true
			}
		}
	}
	require.Equal(t, wanted, got)
}

func TestMinorFindingsAreNotes(t *testing.T) {
	lines := []string{}
	for i := range 1000 {
		lines = append(lines, answered(fmt.Sprintf(" Fact number %d, which is %d more.", i, i*i)))
	}
	lines = append(lines, lines[3])
	r := inspected(t, lines...)
	require.Equal(t, inspect.Note, r.Worst(), "one repeated record of a thousand")
	require.False(t, r.Fails(inspect.Warning))
	for range 20 {
		lines = append(lines, lines[5])
	}
	require.Equal(t, inspect.Warning, inspected(t, lines...).Worst())
}

func TestChecksAreKnownByName(t *testing.T) {
	for _, c := range inspect.All() {
		require.NotEmpty(t, c.Doc, c.Name)
		require.Contains(t, inspect.List(), c.Name)
	}
	_, err := inspect.New(inspect.Options{Skip: []string{"duplicate"}})
	require.ErrorContains(t, err, "there is no check called duplicate; did you mean duplicates?")
}

func TestReport(t *testing.T) {
	r := inspected(t, answered(""), answered(" fine"))
	require.Equal(t, `train  a.jsonl: JSON lines, 2 records of prompt + completion

warning  empty: an empty or blank prompt, answer, text or turn
         a.jsonl:1, field completion: the answer is empty
           fix: fill it in or take the record out
`, strings.Split(r.Text(3), "\nnote")[0])
	var read struct {
		Worst    string
		Findings []struct {
			Check    string
			Count    int
			Findings []inspect.Finding
		}
	}
	require.NoError(t, json.Unmarshal(r.JSON(), &read))
	require.Equal(t, "warning", read.Worst)
	require.Equal(t, "empty", read.Findings[0].Check)
	f := read.Findings[0].Findings[0]
	require.Equal(t, []any{"a.jsonl", 1, 1, "completion", "fill it in or take the record out"}, []any{f.File, f.Row, f.Record, f.Field, f.Fix})
}
