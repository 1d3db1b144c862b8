package host_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
	datarecord "llmhost/host/data/record"
)

// dataRun is what the verbs get that write data.
func dataRun(t *testing.T, flags ...string) (context.Context, config.Settings, host.Env) {
	t.Helper()
	s, _, err := config.Load("", flags)
	require.NoError(t, err)
	return context.Background(), s, host.Env{Builtins: builtin.All(), Lines: io.Discard}
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func convert(t *testing.T, c host.Conversion, flags ...string) (host.Converted, error) {
	t.Helper()
	ctx, s, env := dataRun(t, flags...)
	return host.ConvertData(ctx, s, env, c)
}

func TestConvertKeepsFieldsAndNumbers(t *testing.T) {
	in := dataFile(t, `{"z": 1.0, "big": 12345678901234567890, "text": "é\u2028", "a": {"y": 1e2, "x": null}}`)
	array := filepath.Join(t.TempDir(), "b.json")
	out, err := convert(t, host.Conversion{Out: array}, "--data_paths", in)
	require.NoError(t, err)
	require.Equal(t, 1, out.Written)
	back := filepath.Join(t.TempDir(), "c.jsonl.gz")
	_, err = convert(t, host.Conversion{Out: back}, "--data_paths", array)
	require.NoError(t, err)
	again := filepath.Join(t.TempDir(), "d.jsonl")
	_, err = convert(t, host.Conversion{Out: again}, "--data_paths", back)
	require.NoError(t, err)
	require.Equal(t, contentOf(t, in), contentOf(t, again))
}

func TestConvertThroughAFormatter(t *testing.T) {
	in := dataFile(t, `{"instruction": "Add.", "input": "1, 2", "output": "3"}`)
	file := filepath.Join(t.TempDir(), "b.jsonl")
	_, err := convert(t, host.Conversion{Out: file}, "--task", "sft", "--formatter", "alpaca", "--prompt_template", "human_assistant", "--data_paths", in)
	require.NoError(t, err)
	require.Equal(t, `{"prompt": "Human: Add.\n1, 2\n\nAssistant: ", "answer": "3"}`+"\n", contentOf(t, file))
	pairs := dataFile(t, `{"prompt": "a", "chosen": " b", "rejected": " c"}`)
	_, err = convert(t, host.Conversion{Out: file, Force: true}, "--task", "dpo", "--data_paths", pairs)
	require.NoError(t, err)
	require.Equal(t, `{"texts": ["a<sep> b", "a<sep> c"], "score": [1, 0]}`+"\n", contentOf(t, file))
}

func TestConvertWritesOverNothing(t *testing.T) {
	in := dataFile(t, `{"prompt": "a", "answer": "b"}`)
	_, err := convert(t, host.Conversion{Out: in}, "--data_paths", in)
	require.EqualError(t, err, in+": this is an input; --force writes over it")
	other := dataFile(t, "precious")
	_, err = convert(t, host.Conversion{Out: other}, "--data_paths", in)
	require.EqualError(t, err, other+": there is something of this name; --force writes over it")
	require.Equal(t, "precious\n", contentOf(t, other))
	_, err = convert(t, host.Conversion{Out: in, Form: "prompt-completion", Force: true}, "--data_paths", in)
	require.NoError(t, err)
	require.Equal(t, `{"prompt": "a", "completion": "b"}`+"\n", contentOf(t, in))
}

func TestConvertEndsAtWhatItCannotConvert(t *testing.T) {
	in := dataFile(t, `{"texts": ["p<sep>a", "p<sep>b"], "scores": [1, 0]}`, `{"texts": ["p<sep>a", "p<sep>b"], "scores": [1, 1]}`)
	file := filepath.Join(t.TempDir(), "b.jsonl")
	_, err := convert(t, host.Conversion{Out: file, Form: "preference"}, "--data_paths", in)
	require.EqualError(t, err, in+":2: all scores are equal, so that no answer is better")
	require.NoFileExists(t, file)
	out, err := convert(t, host.Conversion{Out: file, Form: "preference", Skip: true}, "--data_paths", in)
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 1}, []int{out.Read, out.Written, out.Skipped})
}

// numbered is a file of records with a label and a prompt that every third shares.
func numbered(t *testing.T, n int) string {
	t.Helper()
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf(`{"prompt": "question %d", "answer": "%d", "label": "%s"}`, i/3, i, []string{"rare", "usual", "usual", "usual"}[i%4]))
	}
	return dataFile(t, lines...)
}

func TestSample(t *testing.T) {
	in := numbered(t, 100)
	sample := func(o host.Sampling, flags ...string) []string {
		o.Out = filepath.Join(t.TempDir(), "s.jsonl")
		ctx, s, env := dataRun(t, append([]string{"--data_paths", in}, flags...)...)
		_, err := host.SampleData(ctx, s, env, o)
		require.NoError(t, err)
		return strings.Split(strings.TrimSpace(contentOf(t, o.Out)), "\n")
	}
	first := sample(host.Sampling{Count: 10})
	require.Len(t, first, 10)
	require.Equal(t, first, sample(host.Sampling{Count: 10}), "the same seed takes the same records")
	require.NotEqual(t, first, sample(host.Sampling{Count: 10}, "--seed", "7"))
	whole := strings.Split(contentOf(t, in), "\n")
	require.Subset(t, whole, first)
	require.Equal(t, whole[:100], sample(host.Sampling{Share: 1}))
	strata := strings.Join(sample(host.Sampling{Share: 0.2, Stratum: "label"}), "\n")
	require.Equal(t, 5, strings.Count(strata, "rare"))
	require.Equal(t, 15, strings.Count(strata, "usual"))

	ctx, s, env := dataRun(t, "--data_paths", in)
	_, err := host.SampleData(ctx, s, env, host.Sampling{Out: filepath.Join(t.TempDir(), "s.jsonl"), Count: 101})
	require.EqualError(t, err, "the sample is to have 101 records, and the files have 100")
}

// TestSampleIsFair holds that each record is as likely as any other.
func TestSampleIsFair(t *testing.T) {
	in := numbered(t, 10)
	taken := map[string]int{}
	for seed := range 300 {
		file := filepath.Join(t.TempDir(), "s.jsonl")
		ctx, s, env := dataRun(t, "--data_paths", in, "--seed", fmt.Sprint(seed))
		_, err := host.SampleData(ctx, s, env, host.Sampling{Out: file, Count: 3})
		require.NoError(t, err)
		for _, line := range strings.Split(strings.TrimSpace(contentOf(t, file)), "\n") {
			taken[line]++
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(contentOf(t, in)), "\n") {
		require.InDelta(t, 90, taken[line], 40, line) // five standard deviations of 8
	}
}

func TestSplit(t *testing.T) {
	in := numbered(t, 300)
	split := func(o host.Splitting, flags ...string) (host.SplitResult, []string) {
		folder := t.TempDir()
		for i := range o.Parts {
			o.Parts[i].Out = filepath.Join(folder, fmt.Sprint(i)+".jsonl")
		}
		ctx, s, env := dataRun(t, append([]string{"--data_paths", in}, flags...)...)
		out, err := host.SplitData(ctx, s, env, o)
		require.NoError(t, err)
		var texts []string
		for _, p := range o.Parts {
			texts = append(texts, contentOf(t, p.Out))
		}
		return out, texts
	}
	out, texts := split(host.Splitting{Parts: []host.SplitPart{{Share: 0.8}, {Share: 0.1}, {}}})
	require.Equal(t, []int{240, 30, 30}, out.Written)
	for i := range 100 {
		prompt, parts := fmt.Sprintf(`"question %d"`, i), 0
		for _, text := range texts {
			if strings.Contains(text, prompt) {
				require.Equal(t, 3, strings.Count(text, prompt))
				parts++
			}
		}
		require.Equal(t, 1, parts, "records with one prompt are in one part")
	}
	_, again := split(host.Splitting{Parts: []host.SplitPart{{Share: 0.8}, {Share: 0.1}, {}}})
	require.Equal(t, texts, again)
	_, other := split(host.Splitting{Parts: []host.SplitPart{{Share: 0.8}, {Share: 0.1}, {}}}, "--seed", "3")
	require.NotEqual(t, texts, other)
	out, _ = split(host.Splitting{Parts: []host.SplitPart{{}, {Count: 50}}})
	require.Equal(t, []int{252, 48}, out.Written, "a group is not divided")
	out, _ = split(host.Splitting{Parts: []host.SplitPart{{}, {Share: 0.5}}, Deduplicate: true}, "--data_paths", in, in)
	require.Equal(t, 300, out.Repeated)
	require.Equal(t, []int{150, 150}, out.Written)
}

func TestSplitsThatAreNone(t *testing.T) {
	in := numbered(t, 10)
	for _, c := range []struct {
		parts []host.SplitPart
		want  string
	}{
		{[]host.SplitPart{{Out: "a.jsonl"}, {Out: "b.jsonl"}}, "a.jsonl and b.jsonl both are to get the rest"},
		{[]host.SplitPart{{Out: "a.jsonl", Count: 3}, {Out: "b.jsonl", Count: 3}}, "the parts take 6 of 10 records; give one part without a number, which gets the rest"},
		{[]host.SplitPart{{Out: "a.jsonl", Share: 0.8}, {Out: "b.jsonl", Share: 0.4}}, "the shares of the parts add up to 1.2; want at most 1"},
		{[]host.SplitPart{{Out: "a.jsonl", Count: 50}, {Out: "b.jsonl"}}, "the parts are to have 40 records more than the 10 that there are"},
		{[]host.SplitPart{{Out: "a.jsonl", Count: 5}, {Out: "a.jsonl"}}, "a.jsonl: two parts have this name"},
	} {
		t.Chdir(t.TempDir())
		ctx, s, env := dataRun(t, "--data_paths", in)
		_, err := host.SplitData(ctx, s, env, host.Splitting{Parts: c.parts})
		require.EqualError(t, err, c.want)
		left, err := filepath.Glob("*")
		require.NoError(t, err)
		require.Empty(t, left, "nothing is written")
	}
}

// A chat becomes the text that the model's chat template writes; what else a record has stays.
func TestConvertLaysChatsOut(t *testing.T) {
	in := dataFile(t, `{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "train": false}], "id": 7}`)
	file := filepath.Join(t.TempDir(), "b.jsonl")
	ctx, s, env := dataRun(t, "--tokenizer_name_or_path", chatTokenizer(t, growing), "--data_paths", in)
	env.TaskFor = func(datarecord.View) string { return "sft" }
	_, err := host.ConvertData(ctx, s, env, host.Conversion{Out: file, Form: "text"})
	require.NoError(t, err)
	require.Equal(t, `{"text": "u:a</s>a:b</s>", "id": 7}`+"\n", contentOf(t, file))
}
