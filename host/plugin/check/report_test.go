package check_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/formatter"
	"llmhost/host/plugin/check/loss"
	"llmhost/host/plugin/check/pooling"
	"llmhost/sdk"
)

func TestReport(t *testing.T) {
	p := sdk.Plugin{Name: "mean", Version: "2", Losses: []sdk.LossSpec{sdk.NewLoss("mean", "", sound(func(g *sdk.Graph) sdk.Objective {
		return objective(g.Logps().Sum().Neg(), g.Count("T"))
	}))}}
	report := checked(t, p, check.Options{})
	require.False(t, report.OK())
	text := report.Text()
	require.True(t, strings.HasPrefix(text, "mean: plugin mean 2 (builtin; sdk go 0.3.0)\n  ok       load          1 components, described twice\nloss mean\n"), text)
	require.Contains(t, text, `
  FAILED   padding       
           the count of term loss is 1, and with one more padding label position it is 2
             at      check/report_test.go:23: dim_size
             likely  Count of T or K includes padding; count real tokens or candidates with LabelMask().Sum() or Real().Sum()
             batch   Logps: {{{`)
	require.Contains(t, text, "wrong\n")

	var read check.Report
	require.NoError(t, json.Unmarshal(report.JSON(), &read))
	require.Equal(t, *report, read)
	require.Contains(t, string(report.JSON()), "{\n  \"llmhost_check\": 1,\n  \"ok\": false,\n  \"spec\": \"mean\",")
	require.Equal(t, "padding", read.Findings[0].Check)
	require.Equal(t, "loss mean", read.Findings[0].Component)
	require.NotEmpty(t, read.Findings[0].Cause)
}

func TestNames(t *testing.T) {
	require.NoError(t, suite.Known("detach", "memory", "load", "settings", "constant"))
	require.ErrorContains(t, suite.Known("detach", "detch"), "there is no check called detch; did you mean detach? (the checks are load, parameters, parts, defaults, head, data, trace, padding, ")
	seen := map[string]bool{}
	for _, name := range suite.Names() {
		require.False(t, seen[name], name)
		seen[name] = true
	}
}

// Every check says what it asks, on one line.
func TestEveryCheckHasADoc(t *testing.T) {
	list := suite.List()
	for _, name := range suite.Names() {
		require.Regexp(t, `(?m)^  `+name+` +\S.{10,160}$`, list)
	}
	for _, checks := range [][]*check.Check{loss.All, pooling.All, formatter.All} {
		for _, c := range checks {
			require.NotEmpty(t, c.Doc, c.Name)
			require.NotNil(t, c.Run, c.Name)
		}
	}
}

// The README of the SDK has a line for every check, and for no other.
func TestReadmeNamesTheChecks(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "sdk/README.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "## What `plugins check` looks at\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "With `--json`")
	var named []string
	for _, line := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(section, -1) {
		named = append(named, line[1])
	}
	require.ElementsMatch(t, suite.Names(), named)
}

// coded reads records of a form that cannot be guessed.
type coded struct{}

func (coded) Columns() []sdk.Column {
	return []sdk.Column{{Name: "code", Type: sdk.String, Required: true}}
}

func (coded) Format(r *sdk.Row, o *sdk.Out) error {
	question, answer, found := strings.Cut(r.Str(0), " ==> ")
	if !found {
		return errors.New("code has no arrow")
	}
	o.Candidate(question, answer)
	return nil
}

func TestRecordsOfTheCaller(t *testing.T) {
	p := sdk.Plugin{Name: "coded", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("coded", "", coded{})}}
	report := checked(t, p, check.Options{})
	require.False(t, report.OK(), "nothing could be looked at")
	require.False(t, report.Wrong(), report.Text())
	require.Contains(t, report.Unseen(), "texts")
	require.Contains(t, report.Text(), "note: makes no example from any of 400 generated records; the first error: the error \"code has no arrow\"")
	require.Contains(t, report.Text(), "skipped  texts         no record becomes an example; give Examples of its columns, or records with --records FILE.jsonl")
	require.Contains(t, string(report.JSON()), `"ok": false`)
	require.True(t, checked(t, p, check.Options{AllowSkipped: report.Unseen()}).OK())

	file := filepath.Join(t.TempDir(), "records.jsonl")
	require.NoError(t, os.WriteFile(file, []byte("{\"code\": \"one ==> two\"}\n{\"code\": \"three ==> four\"}\n"), 0o600))
	report = checked(t, p, check.Options{Records: file})
	require.True(t, report.OK(), report.Text())
	require.Empty(t, report.Findings)
	require.Contains(t, report.Text(), "2 of 402 records become examples")

	report = checked(t, p, check.Options{Records: file + ".none"})
	require.False(t, report.OK())
}
