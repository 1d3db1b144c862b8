package host_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/objective"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
	"llmhost/sdk"

	"github.com/stretchr/testify/require"
)

// exportedTolerance is of logits, absolute; both sides compute in float32.
const exportedTolerance = 2e-5

// export is a run whose output a peer reads.
type export struct {
	name, task string
	record     record
	base       func(t *testing.T) string // folder of the model to begin with; nil is that of lesson
	params     map[string]any
	set        func(s *config.Settings)
}

func (e export) with(name string, set func(s *config.Settings)) export {
	e.name, e.set = e.name+" "+name, set
	return e
}

func (e export) on(family string, base func(t *testing.T) string) export {
	e.name, e.base = e.name+" "+family, base
	return e
}

var (
	exportSFT     = export{name: "sft", task: "sft", record: promptAnswer(nil)}
	exportReward  = export{name: "reward", task: "reward", record: scored}
	exportClasses = export{name: "classes", task: "classification", record: tone}
	exportThree   = export{name: "classes on a classifier", task: "classification", record: threeTones, base: classifier}
	exportSeveral = export{name: "several", task: "multi_objective_classification", record: tones, params: map[string]any{"cls_objectives": "tone=1,who=0.5"}}
)

// exports are the runs: every layout of heads, the names that each family gives
// them, and every kind of adapter.
var exports = []export{
	exportSFT,
	{name: "dpo", task: "dpo", record: pair},
	exportReward,
	exportReward.with("last", pooling("last")),
	exportReward.with("average", pooling("average")),
	exportReward.with("max", pooling("max")),
	{name: "reward with tokens", task: "reward", record: scored, base: untied, params: map[string]any{"lm_loss_coeff": 0.1}},
	exportClasses,
	exportClasses.with("average", pooling("average")),
	exportSeveral,
	exportSeveral.on("pad is eos", padIsEOS),
	exportReward.on("pad is eos", padIsEOS).with("last", pooling("last")),
	exportReward.on("bert", bert),
	exportClasses.on("bert", bert),
	exportSeveral.on("bert", bert),
	exportReward.on("bert", bert).with("average", pooling("average")), // which has no effect
	exportThree,
	exportClasses.on("gpt_neox", gptNeoX),
	exportReward.on("qwen3", family("Qwen3ForCausalLM", `"model_type": "qwen3", "head_dim": 8`)),
	exportClasses.on("phi3", family("Phi3ForCausalLM", `"model_type": "phi3"`)),
	exportClasses.on("gemma2", family("Gemma2ForCausalLM", `"model_type": "gemma2", "head_dim": 8, "query_pre_attn_scalar": 8`)),
	exportReward.on("gemma3_text", family("Gemma3ForCausalLM", `"model_type": "gemma3_text", "head_dim": 8, "query_pre_attn_scalar": 8`)),

	exportSFT.with("lora", adapters(nil)),
	exportSFT.with("rslora", adapters(func(s *config.Settings) { s.UseRSLoRA, s.LoraTargetModules = true, []string{`.*\.(q|v|up)_proj`} })),
	exportSFT.on("untied", untied).with("lora and modules", adapters(func(s *config.Settings) { s.ModulesToSave = []string{"lm_head", "embed_tokens"} })),
	exportSFT.with("lora and a tied matrix", adapters(func(s *config.Settings) { s.ModulesToSave = []string{"embed_tokens"} })),
	exportSFT.on("gpt_neox", gptNeoX).with("lora and the head", adapters(func(s *config.Settings) { s.ModulesToSave = []string{"embed_out"} })),
	exportReward.with("lora", adapters(nil)),
	exportReward.with("dora", adapters(func(s *config.Settings) { s.UseDoRA = true })),
	exportReward.with("lora of a file", patterns),
	exportReward.on("gpt_neox", gptNeoX).with("lora", adapters(nil)),
	exportReward.on("a reward model", rewardModel).with("lora", adapters(nil)),
	exportReward.with("lora, average", adapters(pooling("average"))),
	exportClasses.with("lora", adapters(nil)),
	exportClasses.on("pad is eos", padIsEOS).with("lora", adapters(nil)),
	exportClasses.with("lora and modules", adapters(func(s *config.Settings) {
		s.LoraTargetModules, s.ModulesToSave = []string{"q_proj", "v_proj"}, []string{"model.norm", "embed_tokens"}
	})),
	exportClasses.with("lora, max", adapters(pooling("max"))),
	exportThree.with("lora", adapters(nil)),
	exportClasses.on("bert", bert).with("dora", adapters(func(s *config.Settings) { s.UseDoRA = true })),
	exportSeveral.with("lora", adapters(nil)),
}

func pooling(name string) func(s *config.Settings) {
	return func(s *config.Settings) { s.Pooling = name }
}

func adapters(more func(s *config.Settings)) func(s *config.Settings) {
	return func(s *config.Settings) {
		s.LoraR, s.LoraAlpha = 4, 8
		if more != nil {
			more(s)
		}
	}
}

// patterns is an adapter that is not the same everywhere.
func patterns(s *config.Settings) {
	s.PEFTConfigPath = filepath.Join("testdata", "lora_patterns.json")
}

// threeTones is tone with a third class, of another alphabet.
func threeTones(i int, thing string) map[string]any {
	r := tone(i, thing)
	if i%3 == 2 {
		r["text"], r["label"] = "you see the "+thing, "ровно"
	}
	return r
}

// family makes a model of a family with the byte-level tokenizer.
func family(class, keys string) func(t *testing.T) string {
	return func(t *testing.T) string {
		folder := t.TempDir()
		require.NoError(t, tokenizer.WriteByteLevel(folder))
		newModel(t, folder, fmt.Sprintf(`{"architectures": [%q], %s, "vocab_size": 260, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.1, "tie_word_embeddings": false,
"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "dtype": "float32"}`, class, keys))
		return folder
	}
}

var gptNeoX = family("GPTNeoXForCausalLM", `"model_type": "gpt_neox", "hidden_act": "gelu"`)

// padIsEOS is a Llama whose pad token is its end token.
func padIsEOS(t *testing.T) string { return headCase{"", "llama", ofPadIsEOS}.base(t) }

func untied(t *testing.T) string {
	folder := t.TempDir()
	n := smallModel(folder)
	n.TieWordEmbeddings = false
	_, err := host.Init(n)
	require.NoError(t, err)
	return folder
}

// bert makes a BERT without a head, with the word pieces of the conformance suite.
func bert(t *testing.T) string {
	folder := t.TempDir()
	copied(t, folder, "tokenizers", "tiny_wordpiece")
	newModel(t, folder, `{"architectures": ["BertModel"], "model_type": "bert", "vocab_size": 512, "hidden_size": 32, "intermediate_size": 64,
"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "initializer_range": 0.1, "pad_token_id": 0, "dtype": "float32"}`)
	return folder
}

// classifier is a BERT that transformers wrote, with a head of three classes.
func classifier(t *testing.T) string {
	folder := t.TempDir()
	copied(t, folder, "tokenizers", "tiny_wordpiece")
	copied(t, folder, "models", "tiny_bert_cls")
	return folder
}

// copied puts a folder of the conformance suite's numbers into another.
func copied(t *testing.T, folder string, from ...string) {
	t.Helper()
	require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Join(append([]string{"conformance", "testdata"}, from...)...))))
}

func newModel(t *testing.T, folder, text string) {
	t.Helper()
	m, err := model.Create([]byte(text), 7, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32})
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(folder))
}

// reading is a folder for the peer to read, as exported.py takes it.
type reading struct {
	Folder  string   `json:"folder"`
	Texts   []string `json:"texts"`
	Batch   int      `json:"batch"`
	Pooling string   `json:"pooling,omitempty"`

	name string
	of   export
	run  config.Settings
}

// read is the result of a reading.
type read struct {
	Class   string
	IDs     [][]int64
	Labels  [][]string
	Vectors [][][]float64
}

// TestPeerReadsWhatRunsExport checks that transformers and PEFT load what runs and
// merges leave behind, tokenizer and all, with every key and no other, and
// compute what llmhost does.
func TestPeerReadsWhatRunsExport(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch, transformers and peft")
	}
	var asked []reading
	for _, e := range exports {
		asked = append(asked, e.readings(t)...)
	}
	for i, theirs := range askPeer(t, peer, asked) {
		t.Run(asked[i].name, func(t *testing.T) {
			ours := asked[i].ours(t)
			require.Equal(t, ours.IDs, theirs.IDs)
			if !isAdapter(asked[i].Folder) { // PEFT's files do not name classes
				require.Equal(t, ours.Labels, theirs.Labels)
			}
			require.Len(t, theirs.Vectors, len(ours.Vectors))
			worst := 0.0
			for r, want := range theirs.Vectors {
				require.Len(t, ours.Vectors[r], len(want))
				for v := range want {
					require.InDeltaSlice(t, want[v], ours.Vectors[r][v], exportedTolerance, "text %d, vector %d", r, v)
					for k, x := range want[v] {
						worst = max(worst, math.Abs(x-ours.Vectors[r][v][k]))
					}
				}
			}
			t.Logf("%s: %.1g apart at most", theirs.Class, worst)
			asked[i].requireEvaluated(t, theirs)
		})
	}
}

// readings trains, merges adapters, and lists what the peer must read.
func (e export) readings(t *testing.T) (all []reading) {
	t.Helper()
	s := lesson(t, e.task, e.record, e.params)
	s.NumTrainEpochs, s.AddSpecialTokens = 1, config.On
	if e.base != nil {
		s.Model = e.base(t)
	}
	if e.set != nil {
		e.set(&s)
	}
	mustTrain(t, s)
	one := reading{Folder: s.OutputDir, Batch: 1, name: e.name, of: e, run: s, Texts: e.texts(t, s)}
	if s.Pooling != "auto" {
		one.Pooling = s.Pooling
	}
	padded, merged := one, one
	padded.Batch, padded.name = 5, e.name+", padded"
	adapter := isAdapter(s.OutputDir)
	if !adapter || e.task != "multi_objective_classification" && one.Pooling == "" { // PEFT knows no other heads
		all = append(all, one, padded)
	}
	if adapter {
		merged.Folder, merged.name = filepath.Join(t.TempDir(), "merged"), e.name+", merged"
		_, err := host.Merge(host.MergeOptions{Adapter: s.OutputDir, OutputDir: merged.Folder, Tolerance: 1e-4})
		require.NoError(t, err)
		all = append(all, merged)
	}
	return all
}

// texts are those of the evaluation, or some for a model of tokens, whose
// logits are many.
func (e export) texts(t *testing.T, s config.Settings) (texts []string) {
	t.Helper()
	if e.task == "sft" || e.task == "dpo" {
		return []string{"is the cat good", "is", "the égg is odd ✓", "", "we like the sea"}
	}
	for _, r := range evaluationRecords(t, s) {
		texts = append(texts, r.Texts...)
		if r.Text != "" {
			texts = append(texts, r.Text)
		}
	}
	return texts
}

type evaluationRecord struct {
	Texts       []string
	Text, Label string
}

func evaluationRecords(t *testing.T, s config.Settings) (records []evaluationRecord) {
	t.Helper()
	for line := range strings.Lines(contents(t, s.EvalDataPaths[0])) {
		var r evaluationRecord
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		records = append(records, r)
	}
	return records
}

// askPeer runs cmd/bench/peers/exported.py.
func askPeer(t *testing.T, peer string, asked []reading) []read {
	t.Helper()
	job, err := json.Marshal(map[string]any{"cases": asked})
	require.NoError(t, err)
	var out, failed bytes.Buffer
	cmd := exec.Command(peer, filepath.Join("..", "cmd", "bench", "peers", "exported.py"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(job), &out, &failed
	require.NoError(t, cmd.Run(), "%s", &failed)
	var answer struct{ Answers []read }
	require.NoError(t, json.Unmarshal(out.Bytes(), &answer))
	require.Len(t, answer.Answers, len(asked))
	return answer.Answers
}

// ours is what llmhost computes from the same folder and texts.
func (g reading) ours(t *testing.T) (out read) {
	t.Helper()
	m := g.open(t)
	defer m.Free()
	examples := g.encoded(t, m)
	b := data.Pack(examples, false)
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			hidden := m.Forward(objective.NewPass(tensor.CPU, &b))
			for r := range examples {
				out.IDs = append(out.IDs, examples[r].Sequences[0].IDs)
				out.Vectors = append(out.Vectors, g.vectors(m, hidden, b.SequenceTokens(r), examples[r].Sequences[0].IDs))
			}
		})
	})
	switch {
	case m.Score != nil:
		out.Labels = [][]string{{"LABEL_0"}}
	case len(m.Heads.Classes) == 0:
		out.Labels = [][]string{}
	}
	for _, h := range m.Heads.Classes {
		out.Labels = append(out.Labels, h.Labels)
	}
	return out
}

// open loads the folder's model, or its adapter on the model of the run; it has
// all that they need.
func (g reading) open(t *testing.T) *model.Model {
	t.Helper()
	options := model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32}
	path, adapter := g.Folder, isAdapter(g.Folder)
	var err error
	switch {
	case adapter:
		path = g.run.Model
		options.Heads, err = lora.Heads(g.Folder)
	case g.of.task == "reward":
		options.Heads.Score, options.Heads.LM = true, g.of.params["lm_loss_coeff"] != nil
		options.Heads.Codebase = options.Heads.LM || g.Pooling != ""
	default:
		options.Heads.Classes, _, err = model.ReadClassHeads(g.Folder)
	}
	require.NoError(t, err)
	m, err := model.Load(path, options)
	require.NoError(t, err)
	if adapter {
		_, err = lora.Load(m.Params(), g.Folder)
		require.NoError(t, err)
		return m
	}
	require.Empty(t, m.Fresh)
	require.Empty(t, m.Unused)
	return m
}

// encoded makes a sequence of each text, as a run does.
func (g reading) encoded(t *testing.T, m *model.Model) []data.Example {
	t.Helper()
	tok, err := tokenizer.Load(g.Folder)
	require.NoError(t, err)
	defer tok.Close()
	var examples []data.Formatted
	for _, text := range g.Texts {
		examples = append(examples, data.Formatted{Example: sdk.Example{Candidates: []sdk.Candidate{{Answer: text}}}})
	}
	special := tok.Special()
	how := data.Tokenizing{MaxLength: 64, Before: []int32{special.BOS}, After: []int32{special.EOS}}
	if !m.Causal() {
		how.Before, how.After = []int32{special.CLS}, []int32{special.SEP}
	}
	out, err := data.Tokenize(examples, tok, how)
	require.NoError(t, err)
	return out
}

// vectors are what a model gives for the sequence whose states are at tokens: the
// logits of each token, or of each head.
func (g reading) vectors(m *model.Model, hidden tensor.Tensor, tokens, ids []int64) (out [][]float64) {
	states := hidden.IndexSelect(0, tensor.Of(tensor.CPU, tokens))
	var heads []*nn.Linear
	if m.Score != nil {
		heads = append(heads, m.Score)
	}
	for _, h := range m.Heads.Classes {
		heads = append(heads, m.Classes[h.Name])
	}
	if len(heads) == 0 {
		return slices.Collect(slices.Chunk(m.Head().Logits(states).Floats(), int(m.Config.VocabSize)))
	}
	var vector tensor.Tensor
	if encoder, is := m.Backbone.(model.Encoder); is {
		vector = encoder.Pooled(hidden, tensor.Of(tensor.CPU, tokens[:1]))
	} else {
		each := slices.Collect(slices.Chunk(states.Floats(), int(m.Config.HiddenSize)))
		for g.Pooling == "" && len(each) > 1 && ids[len(each)-1] == m.PadID {
			each = each[:len(each)-1]
		}
		vector = tensor.Of(tensor.CPU, pooled(g.Pooling, each), 1, m.Config.HiddenSize).To(tensor.Float32)
	}
	for _, head := range heads {
		out = append(out, head.Forward(vector).Floats())
	}
	return out
}

// pooled makes one vector of a sequence's states; the sequence ends with an end token.
func pooled(how string, states [][]float64) []float64 {
	out := slices.Clone(states[len(states)-1])
	switch how {
	case "last":
		return states[len(states)-2]
	case "average", "max":
		for i := range out {
			sum, most := 0.0, out[i]
			for _, state := range states {
				sum, most = sum+state[i], max(most, state[i])
			}
			out[i] = sum / float64(len(states))
			if how == "max" {
				out[i] = most
			}
		}
	}
	return out
}

// requireEvaluated compares the peer's results with what the run's own last
// evaluation measured on the same texts.
func (g reading) requireEvaluated(t *testing.T, theirs read) {
	t.Helper()
	total, n, name := 0.0, float64(len(g.Texts)), "eval_loss"
	switch {
	case g.of.task == "reward":
		name = "eval_mean_reward"
		for _, v := range theirs.Vectors {
			total += v[0][0]
		}
	case g.of.task == "classification" && g.run.LoraR == 0:
		for i, r := range evaluationRecords(t, g.run) {
			sum, logits := 0.0, theirs.Vectors[i][0]
			for _, x := range logits {
				sum += math.Exp(x)
			}
			total += math.Log(sum) - logits[slices.Index(theirs.Labels[0], r.Label)]
		}
	default:
		return
	}
	_, measured := measured(t, g.run.OutputDir, name)
	require.InDelta(t, measured, total/n, exportedTolerance, name)
}

// isAdapter tells whether a folder holds an adapter.
func isAdapter(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, lora.ConfigName))
	return err == nil
}
