package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/tokenizer"

	"github.com/stretchr/testify/require"
)

// chatJob is records for a trainer of TRL, and for a run of ours.
type chatJob struct {
	name, trainer, task string
	args                map[string]any // of TRL's config, besides max_length
	set                 func(s *config.Settings)
	records             string // JSON, one a line
}

const (
	wholeChats = `{"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "one two"}, {"role": "assistant", "content": "three"}, {"role": "user", "content": "four"}, {"role": "assistant", "content": " five\n"}]}
{"messages": [{"role": "user", "content": "naïve 🙂"}, {"role": "assistant", "content": "ok"}]}
{"messages": [{"role": "user", "content": "so"}, {"role": "assistant", "content": "a long answer that is longer than the others by far, and goes on and on until nobody reads it"}]}
`
	promptedChats = `{"prompt": [{"role": "user", "content": "one two"}], "completion": [{"role": "assistant", "content": "three"}]}
{"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}], "completion": [{"role": "assistant", "content": "d"}, {"role": "user", "content": "e"}, {"role": "assistant", "content": "f"}]}
`
	chosenChats = `{"prompt": [{"role": "user", "content": "2 + 2?"}], "chosen": [{"role": "assistant", "content": "4"}], "rejected": [{"role": "assistant", "content": "5"}]}
{"prompt": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "a"}], "chosen": [{"role": "assistant", "content": "\n\nb"}], "rejected": [{"role": "assistant", "content": "c d"}]}
`
	implicitChats = `{"chosen": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}], "rejected": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "5"}]}
`
	marginChats = `{"prompt": [{"role": "user", "content": "2 + 2?"}], "chosen": [{"role": "assistant", "content": "4"}], "rejected": [{"role": "assistant", "content": "5"}], "margin": 0.75}
{"prompt": [{"role": "user", "content": "a"}], "chosen": [{"role": "assistant", "content": "b"}], "rejected": [{"role": "assistant", "content": "c d"}], "margin": -2}
`
	marginTexts = `{"chosen": "2 + 2? 4", "rejected": "2 + 2? 5", "margin": 0.75}
{"chosen": "one two", "rejected": "one", "margin": 3}
`
	judgedChats = `{"prompt": [{"role": "user", "content": "2 + 2?"}], "completion": [{"role": "assistant", "content": "4"}], "label": true}
{"prompt": [{"role": "user", "content": "3 + 3?"}], "completion": [{"role": "assistant", "content": "5"}], "label": false}
`
)

var chatJobs = []chatJob{
	{"all of a chat", "sft", "sft", nil, func(s *config.Settings) { s.AssistantOnlyLoss = config.Off }, wholeChats},
	{"the assistant's turns", "sft", "sft", map[string]any{"assistant_only_loss": true}, func(s *config.Settings) {}, wholeChats},
	{"cut on the right", "sft", "sft", map[string]any{"assistant_only_loss": true, "max_length": 60, "truncation_mode": "keep_start"}, func(s *config.Settings) { s.MaxLength, s.TruncationSide = 60, "right" }, wholeChats},
	{"completions", "sft", "sft", nil, func(s *config.Settings) {}, promptedChats},
	{"turns of completions", "sft", "sft", map[string]any{"assistant_only_loss": true}, func(s *config.Settings) { s.AssistantOnlyLoss = config.On }, promptedChats},
	{"prompts too", "sft", "sft", map[string]any{"completion_only_loss": false}, func(s *config.Settings) { s.OnlyPredictAnswer = false }, promptedChats},
	{"pairs", "dpo", "dpo", nil, func(s *config.Settings) {}, chosenChats},
	{"pairs without a prompt", "dpo", "dpo", nil, func(s *config.Settings) {}, implicitChats},
	{"pairs without a reference", "cpo", "cpo", nil, func(s *config.Settings) {}, chosenChats},
	{"pairs without a prompt or a reference", "cpo", "cpo", nil, func(s *config.Settings) {}, implicitChats},
	{"pairs and likelihood", "orpo", "orpo", nil, func(s *config.Settings) {}, chosenChats},
	{"pairs by mean", "cpo", "simpo", map[string]any{"loss_type": "simpo", "cpo_alpha": 0.0, "beta": 2.0, "simpo_gamma": 1.0}, func(s *config.Settings) {}, chosenChats},
	{"judged", "kto", "kto", nil, func(s *config.Settings) {}, judgedChats},
	{"pairs, unpaired", "reward", "reward", nil, func(s *config.Settings) {}, chosenChats},
	{"rewards with margins", "reward", "reward", nil, func(s *config.Settings) {}, marginChats},
	{"rewards without a prompt", "reward", "reward", nil, func(s *config.Settings) {}, implicitChats},
}

// chatModel is the small model with special tokens for chats, and a template that TRL
// knows the training twin of, given as one that marks what the assistant says.
func chatModel(t *testing.T) string {
	t.Helper()
	from, err := small()
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(from)))
	tok, err := tokenizer.LoadWith(folder, tokenizer.Additions{Tokens: []string{"<|im_start|>", "<|im_end|>"}})
	require.NoError(t, err)
	defer tok.Close()
	require.NoError(t, tok.Save(folder, func(path string, text []byte) error { return os.WriteFile(path, text, 0o644) }))
	written(t, filepath.Join(folder, "chat_template.jinja"), markedChatML)
	return folder
}

// The two templates write the same; the first says what the assistant wrote, which TRL
// needs and llmhost does not.
const (
	markedChatML = "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>\n' }}{% endgeneration %}{% else %}{{ m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
	plainChatML  = "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

// TestChatsHaveTheTokensOfTRL: ids and labels of every kind of record are those that
// TRL's trainers train on.
func TestChatsHaveTheTokensOfTRL(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with transformers and trl")
	}
	folder := chatModel(t)
	want := askTRL(t, python, folder)
	tok, err := tokenizer.Load(folder)
	require.NoError(t, err)
	defer tok.Close()
	for i, job := range chatJobs {
		if job.trainer == "cpo" || job.trainer == "orpo" {
			dropEnd(t, want[i], int64(tok.Special().EOS))
		}
		for name, template := range map[string]string{"marked": markedChatML, "plain": plainChatML} {
			t.Run(job.name+", "+name, func(t *testing.T) {
				s := config.Default()
				s.Task, s.Model, s.OutputDir = job.task, folder, filepath.Join(t.TempDir(), "run")
				s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "data.jsonl"), job.records)}
				s.ChatTemplate = written(t, filepath.Join(t.TempDir(), "template.jinja"), template)
				s.MaxLength, s.ResizeVocab = 256, true
				job.set(&s)
				got, lines, err := host.LoadExamples(context.Background(), s, host.Env{Builtins: builtin.All(), Lines: io.Discard})
				require.NoError(t, err)
				require.Contains(t, strings.Join(lines, "\n"), "chats  laid out by "+s.ChatTemplate)
				requireSameTokens(t, want[i], got)
			})
		}
	}
}

// dropEnd takes off the end token that TRL's CPO and ORPO put behind what a chat
// template wrote, whatever that ends in. Here a chat ends as its template ends it.
func dropEnd(t *testing.T, examples [][]peerSequence, eos int64) {
	t.Helper()
	for _, example := range examples {
		for k, s := range example {
			last := len(s.IDs) - 1
			require.Equal(t, eos, s.IDs[last])
			example[k] = peerSequence{s.IDs[:last], s.Labels[:last]}
		}
	}
}

// peerSequence is a candidate as TRL has it.
type peerSequence struct{ IDs, Labels []int64 }

func askTRL(t *testing.T, python, folder string) (want [][][]peerSequence) {
	t.Helper()
	var jobs []map[string]any
	for _, job := range chatJobs {
		jobs = append(jobs, job.forTRL(map[string]any{"max_length": 256}))
	}
	askTrainers(t, python, folder, jobs, &want)
	return want
}

// forTRL is the job with more arguments, which its own come before.
func (job chatJob) forTRL(args map[string]any) map[string]any {
	for name, v := range job.args {
		args[name] = v
	}
	var records []json.RawMessage
	for line := range strings.Lines(job.records) {
		records = append(records, json.RawMessage(line))
	}
	return map[string]any{"trainer": job.trainer, "args": args, "records": records}
}

// metric is what the first steps are compared by: their loss; of ORPO the term that
// compares answers, as the other has the prompt's tokens too in TRL.
func (job chatJob) metric() string {
	if job.trainer == "orpo" {
		return "log_odds_ratio"
	}
	return "loss"
}

// askTrainers has TRL do the jobs and reads what it prints.
func askTrainers(t *testing.T, python, folder string, jobs []map[string]any, want any) {
	t.Helper()
	text, err := json.Marshal(jobs)
	require.NoError(t, err)
	path := written(t, filepath.Join(t.TempDir(), "jobs.json"), string(text))
	command := exec.Command(python, "testdata/trl_chats.py", folder, path)
	var trouble bytes.Buffer
	command.Stderr = &trouble
	printed, err := command.Output()
	require.NoError(t, err, trouble.String())
	require.NoError(t, json.Unmarshal(printed, want))
}

// TestChatsHaveTheLossOfTRL: the first step over the same records has the loss that
// TRL's trainers have.
func TestChatsHaveTheLossOfTRL(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with transformers and trl")
	}
	const template = "{{ bos_token }}{% for m in messages %}{{ '[' + m.role + '] ' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + eos_token }}{% endgeneration %}{% else %}{{ m.content + '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '[assistant] ' }}{% endif %}"
	from, err := small()
	require.NoError(t, err)
	folder, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.CopyFS(folder, os.DirFS(from)))
	written(t, filepath.Join(folder, "chat_template.jinja"), template)
	reference := smallModel(other)
	reference.Seed++
	_, err = host.Init(reference)
	require.NoError(t, err)

	var jobs []map[string]any
	var ours []chatJob
	saved := map[string]string{} // reward models, by the job's name
	for _, job := range append(chatJobs, chatJob{"rewards of texts with margins", "reward", "reward", nil, func(s *config.Settings) { s.AddEOS = config.On }, marginTexts}) {
		size := strings.Count(job.records, "\n")
		if job.args["max_length"] != nil || job.trainer == "kto" && size < 2 {
			continue
		}
		asked := job.forTRL(map[string]any{"max_length": 256, "max_steps": 1, "logging_steps": 1, "learning_rate": 1e-6, "per_device_train_batch_size": size})
		asked["model"], asked["metric"] = folder, job.metric()
		switch job.trainer {
		case "dpo", "kto":
			asked["ref_model"] = other
		case "reward":
			saved[job.name] = t.TempDir()
			require.NoError(t, os.CopyFS(saved[job.name], os.DirFS(folder)))
			asked["save"] = saved[job.name]
		}
		jobs = append(jobs, asked)
		ours = append(ours, job)
	}
	var want []float64
	askTrainers(t, python, folder, jobs, &want)
	for i, job := range ours {
		t.Run(job.name, func(t *testing.T) {
			s := config.Default()
			s.Task, s.Model, s.OutputDir = job.task, folder, filepath.Join(t.TempDir(), "run")
			s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "data.jsonl"), job.records)}
			s.MaxLength, s.MaxSteps, s.LoggingSteps, s.LearningRate = 256, 1, 1, 1e-6
			s.Device, s.Threads, s.TrainBatchSize = "cpu", 1, strings.Count(job.records, "\n")
			if job.task == "dpo" || job.task == "kto" {
				s.RefModel = other
			}
			if job.task == "reward" {
				s.Model = saved[job.name]
			}
			job.set(&s)
			mustTrain(t, s)
			require.InDelta(t, want[i], last(t, s.OutputDir, job.metric()), 1e-4)
		})
	}
}

func requireSameTokens(t *testing.T, want [][]peerSequence, got []data.Example) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, example := range want {
		require.Len(t, got[i].Sequences, len(example))
		for k, candidate := range example {
			require.Equal(t, candidate.IDs, got[i].Sequences[k].IDs, "record %d, candidate %d", i, k)
			if candidate.Labels != nil {
				require.Equal(t, candidate.Labels, got[i].Sequences[k].Labels, "record %d, candidate %d", i, k)
			}
		}
	}
}
