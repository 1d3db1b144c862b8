package host_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/config"
	"llmhost/host/jsonobject"

	"github.com/stretchr/testify/require"
)

// padding says what a tokenizer and a config.json name as special tokens; "-" is none.
type padding struct {
	name         string
	pad, eos     string // of the tokenizer
	config       string // pad_token_id
	bare         bool   // texts get no BOS and EOS
	transformers bool   // the peer trains the model, and the run only evaluates it

}

// paddings are the ways in which a folder names its pad token.
var paddings = []padding{
	{name: "pad is eos", pad: "</s>", eos: "</s>", config: "2"},
	{name: "pad is eos in the tokenizer", pad: "</s>", eos: "</s>", config: "-"},
	{name: "another pad", pad: "<pad>", eos: "</s>", config: "3"},
	{name: "another pad in the tokenizer", pad: "<pad>", eos: "</s>", config: "2"},
	{name: "pad in the config", pad: "-", eos: "</s>", config: "3"},
	{name: "pad is eos in the config", pad: "-", eos: "</s>", config: "2"},
	{name: "no pad", pad: "-", eos: "</s>", config: "-"},
	{name: "pad is a letter that texts end in", pad: "t", eos: "</s>", config: "-", bare: true},
	{name: "no end token", pad: "<pad>", eos: "-", config: "3"},
	{name: "no added tokens", pad: "</s>", eos: "</s>", config: "2", bare: true},
}

var (
	ofPadIsEOS = paddings[0]
	ofNoPad    = paddings[6]
)

// classifiers and reward models of every family, with pad tokens of every kind.
type headCase struct {
	task, family string
	padding
}

func headCases() (cases []headCase) {
	for name := range decoders {
		for _, task := range []string{"classification", "reward"} {
			cases = append(cases, headCase{task, name, ofPadIsEOS})
		}
	}
	for _, task := range []string{"classification", "reward"} {
		for _, p := range paddings[1:] {
			cases = append(cases, headCase{task, "llama", p})
		}
		for _, p := range []padding{ofPadIsEOS, paddings[2], ofNoPad} {
			p.transformers = true
			cases = append(cases, headCase{task, "llama", p}, headCase{task, "gpt_neox", p})
		}
	}
	return cases
}

// decoders are bases of every family that reads from left to right.
var decoders = map[string]func(t *testing.T) string{
	"llama":       family("LlamaForCausalLM", `"model_type": "llama"`),
	"mistral":     family("MistralForCausalLM", `"model_type": "mistral"`),
	"qwen2":       family("Qwen2ForCausalLM", `"model_type": "qwen2"`),
	"qwen3":       family("Qwen3ForCausalLM", `"model_type": "qwen3", "head_dim": 8`),
	"gpt_neox":    gptNeoX,
	"phi3":        family("Phi3ForCausalLM", `"model_type": "phi3"`),
	"gemma2":      family("Gemma2ForCausalLM", `"model_type": "gemma2", "head_dim": 8, "query_pre_attn_scalar": 8`),
	"gemma3_text": family("Gemma3ForCausalLM", `"model_type": "gemma3_text", "head_dim": 8, "query_pre_attn_scalar": 8`),
}

// base makes the folder that a run or the peer begins with.
func (c headCase) base(t *testing.T) string {
	t.Helper()
	folder := decoders[c.family](t)
	rewrite := func(name string, values map[string]string) {
		content, err := jsonobject.Parse([]byte(contents(t, folder, name)))
		require.NoError(t, err)
		for key, text := range values {
			value := json.RawMessage(text)
			if text == "-" || text == `"-"` {
				value = json.RawMessage("null")
			}
			content = content.Set(key, value)
		}
		written(t, filepath.Join(folder, name), string(content.Text()))
	}
	rewrite("tokenizer_config.json", map[string]string{"pad_token": `"` + c.pad + `"`, "eos_token": `"` + c.eos + `"`})
	rewrite("config.json", map[string]string{"pad_token_id": c.config})
	return folder
}

// rated are two texts, of which the first is better.
func rated(i int, thing string) map[string]any {
	return map[string]any{"texts": []string{question(thing) + "good", question(thing) + []string{"bad", "a bit bad"}[i%2]}, "scores": []int{1, 0}}
}

// settings are those of a run that trains the case's model for an epoch.
func (c headCase) settings(t *testing.T) config.Settings {
	t.Helper()
	make := tone
	if c.task == "reward" {
		make = rated
	}
	s := lesson(t, c.task, make, nil)
	s.Model = c.base(t)
	s.NumTrainEpochs, s.LearningRate, s.AddSpecialTokens = 1, 5e-4, config.On
	if c.bare {
		s.AddSpecialTokens = config.Off
	}
	return s
}

// headJob is a case as heads.py takes it.
type headJob struct {
	Folder  string     `json:"folder"`
	Texts   [][]string `json:"texts"`
	Labels  []string   `json:"labels,omitempty"`
	Special bool       `json:"special"`
	Train   string     `json:"train,omitempty"`
}

func jobOf(t *testing.T, s config.Settings) (job headJob) {
	t.Helper()
	job = headJob{Folder: s.OutputDir, Special: s.AddSpecialTokens == config.On}
	for _, r := range evaluationRecords(t, s) {
		if r.Text == "" {
			job.Texts = append(job.Texts, r.Texts)
			continue
		}
		job.Texts, job.Labels = append(job.Texts, []string{r.Text}), append(job.Labels, r.Label)
	}
	return job
}

// headLosses are the peer's losses over one case's records.
type headLosses struct {
	Single, Trainer float64
	Right, Left     *float64
}

// askHeads runs cmd/bench/peers/heads.py.
func askHeads(t *testing.T, peer string, jobs []headJob) []headLosses {
	t.Helper()
	job, err := json.Marshal(map[string]any{"cases": jobs})
	require.NoError(t, err)
	var out, failed bytes.Buffer
	cmd := exec.Command(peer, filepath.Join("..", "cmd", "bench", "peers", "heads.py"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(job), &out, &failed
	require.NoError(t, cmd.Run(), "%s", &failed)
	var answer struct{ Answers []headLosses }
	require.NoError(t, json.Unmarshal(out.Bytes(), &answer))
	require.Len(t, answer.Answers, len(jobs))
	return answer.Answers
}

// TestPeerScoresWhatRunsScore checks that transformers and TRL, reading a folder as
// it stands, get the loss that llmhost's own evaluation got: row by row, padded on
// either side, and in their trainers; for models trained here and there.
func TestPeerScoresWhatRunsScore(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch, transformers and trl")
	}
	var jobs []headJob
	var runs []config.Settings
	cases := headCases()
	for _, c := range cases {
		s := c.settings(t)
		if c.transformers {
			job := jobOf(t, s)
			job.Folder, job.Train = s.Model, filepath.Join(t.TempDir(), "theirs")
			s.Model = job.Train
			jobs, runs = append(jobs, job), append(runs, s)
			continue
		}
		mustTrain(t, s)
		jobs, runs = append(jobs, jobOf(t, s)), append(runs, s)
	}
	for i, theirs := range askHeads(t, peer, jobs) {
		c, s := cases[i], runs[i]
		t.Run(strings.Join([]string{c.task, c.family, c.name}, " "), func(t *testing.T) {
			if c.transformers {
				s.MaxSteps, s.LearningRate = 1, 0
				mustTrain(t, s)
			}
			_, ours := measured(t, s.OutputDir, "eval_loss")
			require.InDelta(t, theirs.Single, ours, exportedTolerance, "row by row")
			require.InDelta(t, theirs.Trainer, ours, exportedTolerance, "the trainer")
			for side, loss := range map[string]*float64{"right": theirs.Right, "left": theirs.Left} {
				if loss != nil {
					require.InDelta(t, *loss, ours, exportedTolerance, "padded to the %s", side)
				}
			}
			if !c.transformers && c.eos != "-" {
				require.NotNil(t, theirs.Right, "what is trained here can be padded there")
			}
		})
	}
}
