package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host"
	"llmhost/host/config"

	"github.com/stretchr/testify/require"
)

// refused is a run that must not begin: change breaks something and returns the
// exact error, in which {} is the broken file and {/} its folder.
type refused struct {
	name   string
	change func(t *testing.T, s *config.Settings) (file string)
	want   string
}

// requireRefused checks that the run says what is wrong, and leaves nothing that
// would be in the way of the next attempt.
func requireRefused(t *testing.T, s config.Settings, c refused) {
	t.Helper()
	file := c.change(t, &s)
	lines, err := trained(s)
	require.EqualError(t, err, strings.NewReplacer("{}", file, "{/}", filepath.Dir(file)).Replace(c.want))
	require.Empty(t, lines)
	require.NoFileExists(t, s.OutputDir)
	require.NoDirExists(t, s.OutputDir)
}

// unreadable makes the settings name a model whose weights cannot be read.
func unreadable(t *testing.T, s *config.Settings) {
	t.Helper()
	s.Model = copyModel(t)
	written(t, filepath.Join(s.Model, "model.safetensors"), "no weights")
}

// copyModel is a copy of the small model, to be broken.
func copyModel(t *testing.T) string {
	t.Helper()
	folder, err := small()
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "model")
	require.NoError(t, os.CopyFS(to, os.DirFS(folder)))
	return to
}

// records makes the run train on the lines given.
func records(lines ...string) func(*testing.T, *config.Settings) string {
	return func(t *testing.T, s *config.Settings) string {
		s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "train.jsonl"), strings.Join(lines, "\n")+"\n")}
		return s.DataPaths[0]
	}
}

const good = `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1, 0]}`

// Errors of the data are found before a weight is read.
func TestBadData(t *testing.T) {
	for _, c := range []refused{
		{"no file", func(t *testing.T, s *config.Settings) string {
			s.DataPaths = []string{filepath.Join(t.TempDir(), "train.jsonl")}
			return s.DataPaths[0]
		}, "{}: no such file; data_paths names it"},
		{"no evaluation file", func(t *testing.T, s *config.Settings) string {
			s.EvalDataPaths = []string{filepath.Join(t.TempDir(), "eval.jsonl")}
			return s.EvalDataPaths[0]
		}, "{}: no such file; eval_data_paths names it"},
		{"no field", records(good, `{"scores": [1, 0], "text_list": []}`),
			`{}:2: field "texts" missing, and so is "text"; preference_data_text_name names another`},
		{"named field missing", func(t *testing.T, s *config.Settings) string {
			s.Params = map[string]config.Param{"preference_data_text_name": {Value: "answers"}}
			return records(good)(t, s)
		}, `{}:1: field "answers" missing; preference_data_text_name names another`},
		{"field of another type", records(good, `{"texts": "a", "scores": [1]}`), `{}:2: field "texts" is the text "a"; want a list of strings`},
		{"lengths", records(good, good, `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1]}`),
			`{}:3: field "texts" has 2 texts, field "scores" 1 scores; want one score a text`},
		{"NaN", records(`{"texts": ["a<sep>b"], "scores": [NaN]}`), `{}:1: field "scores"[0] is NaN; want a finite number`},
		{"NaN in quotes", records(`{"texts": ["a<sep>b"], "scores": ["NaN"]}`), `{}:1: field "scores"[0] is the text "NaN"; want a number`},
		{"score too large", records(`{"texts": ["a<sep>b"], "scores": [1e39]}`), `{}:1: field "scores"[0] is 1e39; want a finite number that a float32 holds`},
		{"no JSON", records(good, `{"texts": [`), `{}:2:12: found the end of the record; want a value`},
		{"no split", records(`{"texts": ["a", "b"], "scores": [1, 0]}`),
			`{}:1: text 0 ("a"): no "<sep>" in all of them and no assistant mark ("\n\nAssistant: ", "## Assistant:\n") in this one; set prompt_split to sep, assistant or common_prefix, and sep_token or assistant_marks to the marks of this data`},
		{"nothing left", records(`{"texts": ["a<sep>", "a<sep>c"], "scores": [1, 0]}`), "{}: none of 1 records is left: 1 dropped (an empty answer)"},
		{"empty file", records(), "{}: no record in this file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ranking(t)
			unreadable(t, &s)
			requireRefused(t, s, c)
		})
	}
}

func TestBadModel(t *testing.T) {
	spoil := func(name string, change func(text string) string) func(*testing.T, *config.Settings) string {
		return func(t *testing.T, s *config.Settings) string {
			s.Model = copyModel(t)
			file := filepath.Join(s.Model, name)
			written(t, file, change(contents(t, file)))
			return file
		}
	}
	replace := func(old, new string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, new, 1) }
	}
	for _, c := range []refused{
		{"no folder", func(t *testing.T, s *config.Settings) string {
			s.Model = filepath.Join(t.TempDir(), "model")
			return s.Model
		}, "model {}: no such folder; model_name_or_path wants one in Hugging Face's layout"},
		{"truncated weights", spoil("model.safetensors", func(text string) string { return text[:100000] }),
			`{}: tensor "model.layers.1.mlp.down_proj.weight" ends at byte 99200 of the data, but the file is cut off at 97960; copy or download it again`},
		{"truncated header", spoil("model.safetensors", func(text string) string { return text[:100] }),
			"{}: is cut off: its header has 2032 bytes, of which the file has 92; copy or download it again"},
		{"weights of another shape", spoil("config.json", replace(`"intermediate_size": 96`, `"intermediate_size": 64`)),
			`{/}: tensor "model.layers.0.mlp.gate_proj.weight" has shape [96, 32]; config.json wants [64, 32]; use the weights and the config.json of one model`},
		{"weights of another vocabulary", spoil("config.json", replace(`"vocab_size": 260`, `"vocab_size": 300`)),
			`{/}: tensor "model.embed_tokens.weight" has shape [260, 32]; config.json wants [300, 32]; use the weights and the config.json of one model`},
		{"a tensor missing", spoil("model.safetensors", replace("model.norm.weight", "model.norm.wright")),
			`{/}: tensor "model.norm.weight" is missing; 20 others are there; did you mean model.norm.wright?`},
		{"unknown architecture", spoil("config.json", replace(`"model_type": "llama"`, `"model_type": "mamba"`)), `{}: model_type is "mamba"; want one of llama, mistral, qwen2, qwen3, gpt_neox, phi3, gemma2, gemma3_text, bert`},
		{"config that is not JSON", spoil("config.json", replace("{", "")), "{}: is not JSON: line 2, column 18: ':' is out of place; want nothing after the value; copy or download it again"},
		{"config of another type", spoil("config.json", replace(`"vocab_size": 260`, `"vocab_size": "260"`)), `{}: vocab_size is "260"; want a whole number`},
		{"tokenizer of more tokens", func(t *testing.T, s *config.Settings) string {
			s.Tokenizer = widerTokenizer(t)
			return s.Tokenizer
		}, "tokenizer {} has ids up to 260, and the model " + filepath.Join(scratch, "model") + " has vocab_size 260; give the tokenizer that the model was trained with, or resize_vocab = true to let the model grow"},
	} {
		t.Run(c.name, func(t *testing.T) { requireRefused(t, ranking(t), c) })
	}
}

// widerTokenizer is a tokenizer with one token more than the small model knows.
func widerTokenizer(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "tokenizer")
	_, err := host.Init(smallModel(folder))
	require.NoError(t, err)
	file := filepath.Join(folder, "tokenizer.json")
	more := `"added_tokens": [{"id": 260, "content": "<more>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}, `
	text := contents(t, file)
	_, rest, found := strings.Cut(text, `"added_tokens"`)
	require.True(t, found)
	at := strings.Index(rest, "[")
	written(t, file, text[:len(text)-len(rest)-len(`"added_tokens"`)]+more+rest[at+1:])
	return folder
}

// module writes a small WASM module by hand. It exports the functions that the
// contract requires, but with the marker of another ABI, may import
// something, and answers describe with the code given.
func module(abi byte, imported string, describe []byte) string {
	const unit, one, two, long, asks = 0, 1, 2, 3, 4 // types, in their order
	types := "\x05" + "\x60\x00\x00" + "\x60\x01\x7f\x01\x7f" + "\x60\x02\x7f\x7f\x00" + "\x60\x00\x01\x7e" + "\x60\x03\x7f\x7f\x7f\x01\x7e"
	zero64, zero32 := "\x42\x00", "\x41\x00"
	functions := []struct {
		name string
		kind byte
		code string
	}{
		{"llmhost_abi_v" + string('0'+abi), unit, ""}, {"llmhost_alloc", one, zero32}, {"llmhost_free", two, ""},
		{"llmhost_describe", long, string(describe) + zero64}, {"llmhost_configure", asks, zero64}, {"llmhost_trace", asks, zero64},
	}
	sized := func(text string) string { return string(rune(len(text))) + text } // below 128 bytes
	kinds, exports, code := string(rune(len(functions))), string(rune(len(functions)+1)), string(rune(len(functions)))
	first := byte(0)
	if imported != "" {
		first = 1
	}
	for i, f := range functions {
		kinds += string(rune(f.kind))
		exports += sized(f.name) + "\x00" + string(rune(first+byte(i)))
		code += sized("\x00" + f.code + "\x0b")
	}
	exports += sized("memory") + "\x02\x00"
	text := "\x00asm\x01\x00\x00\x00" + "\x01" + sized(types)
	if imported != "" {
		text += "\x02" + sized("\x01"+sized("wasi_snapshot_preview1")+sized(imported)+"\x00\x00")
	}
	return text + "\x03" + sized(kinds) + "\x05" + sized("\x01\x00\x01") + "\x07" + long1(exports) + "\x0a" + sized(code)
}

// long1 puts the length, of two bytes of LEB128, before a text.
func long1(text string) string {
	return string([]byte{byte(len(text))&0x7f | 0x80, byte(len(text) >> 7)}) + text
}

// Errors of a plugin are found before a weight is read.
func TestBadPlugin(t *testing.T) {
	plugin := func(name, code string) func(*testing.T, *config.Settings) string {
		return func(t *testing.T, s *config.Settings) string {
			s.Task = written(t, filepath.Join(t.TempDir(), name), code)
			return s.Task
		}
	}
	for _, c := range []refused{
		{"no file", func(t *testing.T, s *config.Settings) string {
			s.Task = filepath.Join(t.TempDir(), "x.wasm")
			return s.Task
		}, "plugin {}: no such file"},
		{"no WASM", plugin("x.wasm", "#!/bin/sh\n"), `plugin {}: is not a WASM module (it begins with "#!/bin/s"); llmhost plugins build makes one of a project`},
		{"another ABI", plugin("x.wasm", module(1, "", nil)), "plugin {}: speaks ABI 1, host speaks 2; rebuild it with this sdk"},
		{"asks for a file", plugin("x.wasm", module(2, "path_open", nil)),
			"plugin {}: asks for wasi_snapshot_preview1.path_open, which plugins do not get: they have no files, network, clock or environment"},
		{"endless loop", plugin("x.wasm", endless()),
			"plugin {}: its worker spent more than 1s on describing itself and was killed (sha256 " + short(sha(endless())) + "); look for a loop that does not end"},
		{"says nothing", plugin("x.wasm", module(2, "", nil)), "plugin {}: the reply to describe is not a frame; rebuild it with this sdk"},
		{"unknown name", func(_ *testing.T, s *config.Settings) string { s.Task = "rhrf"; return "" },
			`no builtin task is called "rhrf"; did you mean rrhf? (builtin: rrhf, sft, classification, multi_objective_classification, reward, rejection_sampling, weighted_learning, dpo, kto, orpo, simpo, cpo, offline_ppo, distill; a plugin file is given by its path, such as plugins/rhrf.wasm)`},
		{"digest", func(t *testing.T, s *config.Settings) string {
			s.TaskSHA256 = strings.Repeat("0", 64)
			return plugin("x.wasm", module(2, "", nil))(t, s)
		}, "plugin {}: its sha256 is " + sha(module(2, "", nil)) + ", the run asks for " + strings.Repeat("0", 64) + "; restore the file, or change task_sha256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ranking(t)
			unreadable(t, &s)
			requireRefused(t, s, c)
		})
	}
}

// Settings and parameters that only the run can check, with all their places.
func TestBadParameters(t *testing.T) {
	for _, c := range []struct {
		name, toml string
		flags      []string
		want       string
	}{
		{"flag like a setting", "", []string{"--learning_rat", "1"}, "flag --learning_rat: no setting and no parameter of task rrhf is called learning_rat; did you mean learning_rate?"},
		{"flag like a parameter", "", []string{"--rrhf_wight", "1"}, "flag --rrhf_wight: task rrhf has no parameter rrhf_wight; did you mean rrhf_weight?"},
		{"out of range", "[params]\nrrhf_weight = -1", nil, "run.toml:3:1: rrhf_weight is -1; want a number of at least 0"},
		{"of another type", "[params]\nrrhf_weight = \"much\"", nil, `run.toml:3:1: rrhf_weight is "much"; want a number of at least 0`},
		{"no such choice", "", []string{"--rrhf_reduction", "men"}, `flag --rrhf_reduction: rrhf_reduction is "men"; want one of mean, paper_sum; did you mean mean?`},
		{"of no number", "", []string{"--length_penalty", "x"}, `flag --length_penalty: length_penalty is "x"; want a number of at least 0`},
		{"key like a setting", "learning_rat = 1", nil, "run.toml:2:1: no setting and no parameter of task rrhf is called learning_rat; did you mean learning_rate?"},
		{"key like a parameter", "rrhf_wight = 1", nil, "run.toml:2:1: task rrhf has no parameter rrhf_wight; did you mean rrhf_weight?"},
		{"key like nothing", "frobnicate = 1", nil, "run.toml:2:1: task rrhf has no parameter frobnicate; it has preference_data_text_name, preference_data_score_name, padding_score, prompt_split, sep_token, assistant_marks, rrhf_weight, length_penalty, rrhf_reduction"},
		{"key out of range", "rrhf_weight = -1", nil, "run.toml:2:1: rrhf_weight is -1; want a number of at least 0"},
		{"all of them", "learning_rat = 1\nrrhf_weight = -1", []string{"--rrhf_wight", "1"},
			"flag --rrhf_wight: task rrhf has no parameter rrhf_wight; did you mean rrhf_weight?\n" +
				"run.toml:2:1: no setting and no parameter of task rrhf is called learning_rat; did you mean learning_rate?\n" +
				"run.toml:3:1: rrhf_weight is -1; want a number of at least 0"},
		{"pooling", "pooling_type = \"avrage\"", nil, `pooling_type: plugin builtin: has no pooling "avrage"; did you mean average? (it has last, eos, average, max)`},
		{"pooling of no head", "pooling_type = \"max\"", nil, `pooling_type is "max", and the loss of task rrhf reads no head that pools; remove it`},
		{"formatter", "sep_token = \"\"", nil, "formatter preference of plugin preference: sep_token is empty; want the mark between prompt and answer, such as <sep>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			s, _, err := config.Load(written(t, "run.toml", "task = \"rrhf\"\n"+c.toml+"\n"), c.flags)
			require.NoError(t, err)
			s.Model, s.OutputDir = filepath.Join(dir, "absent"), filepath.Join(dir, "run")
			_, err = trained(s)
			require.EqualError(t, err, c.want)
			require.NoDirExists(t, s.OutputDir)
		})
	}
}
