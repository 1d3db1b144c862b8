package host

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/lm"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/task"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
)

// models are what a training run computes with.
type models struct {
	policy    *lm.Model
	reference *model.Model // nil where there is none, or where it is the policy without its adapter
	refName   string       // what the policy is compared with
	compares  bool         // the loss compares answers
	labels    data.Labeler // numbers classes as the heads do
	device    tensor.Device
	threads   int
	digest    string // of the weights that model_name_or_path held at the start
	endNote   string // which token now ends a text; "" where none was added
}

// openModels settles the classes of the loss's heads, checks the loss against its
// memory limit at the size of the data, and loads weights onto the device: those
// of the checkpoint where the run is resumed.
func openModels(ctx context.Context, s config.Settings, t *task.Task, src lm.Source, tok *tokenizer.Tokenizer, sets *dataset, out *console.Console) (*models, error) {
	classes, err := settleClasses(s, t, src, *sets, out)
	if err != nil {
		return nil, err
	}
	if err := sets.checkSizes(s, t); err != nil {
		return nil, err
	}
	m, err := openDevice(s.RunSettings)
	if err != nil {
		return nil, err
	}
	m.labels = labelerOf(t, classes)
	m.compares = comparesAnswers(t, sets.train.Survey)
	err = m.load(s, t, src, tok, classes)
	if err == nil {
		m.endNote, err = sets.nameEnd(m.policy)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && s.PrecomputeRefLogProbs {
		err = m.precompute(ctx, s, sets, out)
	}
	if err != nil {
		m.free()
		return nil, err
	}
	return m, nil
}

// openDevice sets up the tensor runtime.
func openDevice(s config.RunSettings) (*models, error) {
	device, err := tensor.OpenDevice(s.Device)
	if err != nil {
		return nil, err
	}
	tensor.SetDeterministic(s.FullDeterminism)
	tensor.ManualSeed(int64(s.Seed))
	return &models{device: device, threads: tensor.SetThreads(s.Threads)}, nil
}

// load reads policy and reference.
func (m *models) load(s config.Settings, t *task.Task, src lm.Source, tok *tokenizer.Tokenizer, classes []model.ClassHead) (err error) {
	options, err := modelOptions(s, t, m.device, classes)
	if err != nil {
		return err
	}
	if m.policy, err = lm.Open(src, tok, options); err != nil {
		return err
	}
	m.policy.TrainAdapterOn(classes, s.LoadIn4Bit)
	if t.Program.Needs().Reference {
		if m.reference, err = lm.OpenReference(m.policy, s.RefModel, options); err != nil {
			return err
		}
		m.refName = referenceName(s, m)
	}
	m.digest, err = model.WeightsDigest(s.Model)
	return err
}

// modelOptions say what the loss needs of the policy.
func modelOptions(s config.Settings, t *task.Task, device tensor.Device, classes []model.ClassHead) (o lm.Options, err error) {
	o = lm.Options{
		Device:                device,
		Compute:               computeType(s.RunSettings),
		FourBit:               s.LoadIn4Bit,
		Heads:                 headsOf(t, classes),
		IgnoreMismatchedSizes: s.IgnoreMismatched,
		ResizeVocab:           s.ResizeVocab,
		SaveDType:             s.SaveDType,
		SaveSpecialTokens:     s.SetSpecialTokens || s.PadToken != "",
	}
	o.NewAdapter, err = lm.NewAdapter(s.AdapterSettings)
	return o, err
}

func computeType(s config.RunSettings) tensor.DType {
	if s.BF16 {
		return tensor.BFloat16
	}
	return tensor.Float32
}

// headsOf are the heads that the loss reads.
func headsOf(t *task.Task, classes []model.ClassHead) *model.Heads {
	needs := t.Program.Needs()
	h := &model.Heads{LM: needs.LM, Score: needs.Score, Classes: classes}
	h.Codebase = h.Score && (h.LM || !t.PoolsLastToken)
	return h
}

func (m *models) free() {
	if m.policy != nil {
		m.policy.Free()
	}
	if m.reference != nil {
		m.reference.Free()
	}
}

// precompute computes the log-probability of every label under the reference model
// before the first step, or reads it from disk where an earlier run left it, and
// frees the model.
func (m *models) precompute(ctx context.Context, s config.Settings, sets *dataset, out *console.Console) error {
	cache, err := m.refCache(s)
	if err != nil {
		return err
	}
	for _, set := range sets.all() {
		with, note, err := cache.Precompute(ctx, set.Examples)
		set.Examples = with
		if err != nil {
			return err
		}
		if note != "" {
			out.Notef("%s", note)
		}
	}
	if m.reference != nil {
		m.reference.Free()
		m.reference = nil
	}
	return nil
}

// refCache keeps log-probabilities of this reference model in the user's cache.
func (m *models) refCache(s config.Settings) (objective.RefCache, error) {
	digest, err := m.refDigest(s)
	if err != nil {
		return objective.RefCache{}, err
	}
	types := dtypesOf(s)
	name := fmt.Sprintf(
		"%s-%d-%s-%s",
		digest,
		m.policy.Config.VocabSize,
		types.Param,
		types.Compute,
	)
	ref := m.reference
	if ref == nil {
		ref = m.policy.Model // without its adapter
	}
	folder := plugin.DefaultCache()
	if folder != "" {
		folder = filepath.Join(folder, "ref_logps", name)
	}
	return objective.RefCache{
		Folder: folder,
		Model:  ref,
		Bare:   m.reference == nil,
		Device: m.device,
		Size:   s.EvalBatchSize,
		Share:  s.SharePrefix,
	}, nil
}

// refDigest identifies the reference model: its weights, its config.json and the
// adapter that the run began with, where that is part of it.
func (m *models) refDigest(s config.Settings) (digest string, err error) {
	path := cmp.Or(s.RefModel, s.Model)
	weights := m.digest
	if path != s.Model {
		if weights, err = model.WeightsDigest(path); err != nil {
			return "", err
		}
	}
	configDigest, _, err := checkpoint.Digest(filepath.Join(path, model.ConfigName))
	if err != nil {
		return "", err
	}
	digest = fmt.Sprintf("%s-%.16s", weights, configDigest)
	if s.RefModel != "" || s.Adapter == "" {
		return digest, nil
	}
	for _, name := range []string{lora.ConfigName, lora.WeightsName} {
		part, _, err := checkpoint.Digest(filepath.Join(s.Adapter, name))
		if err != nil {
			return "", err
		}
		digest += fmt.Sprintf("-%.16s", part)
	}
	return digest, nil
}

// objective binds the task's loss to the models.
func (m *models) objective(t *task.Task) *objective.Objective {
	o := objective.New(t.Program, m.device, tensor.Float32)
	o.Pooling = t.PoolingProgram
	o.Reference.Model = m.reference
	o.Scores = t.ScoreColumn()
	o.Optional = t.OptionalColumns()
	if tok := m.policy.Tokenizer; tok != nil {
		o.EOS = int64(tok.Special().EOS)
	}
	if t.PoolsLastToken {
		o.Pad = m.policy.PadID
	}
	return o
}

// calibrationBins are the numbers of bins that rewards are measured with.
func calibrationBins(s config.EvaluationSettings) (bins []int) {
	if !s.RMCalibration {
		return nil
	}
	for _, text := range s.CalibrationBins {
		n, _ := strconv.Atoi(text) // the settings are checked
		bins = append(bins, n)
	}
	return bins
}

// describeReference says what the policy is compared with, "" for nothing.
func describeReference(s config.Settings, t *task.Task, m *models) string {
	if !t.Program.Needs().Reference {
		return ""
	}
	line := "reference: " + m.refName
	if s.PrecomputeRefLogProbs {
		line += ", precomputed"
	}
	return line
}

// referenceName says which model the reference is.
func referenceName(s config.Settings, m *models) string {
	switch {
	case s.RefModel != "" && m.reference != nil:
		return s.RefModel
	case s.RefModel == "" && s.Adapter != "":
		return "the model with its adapter as it is in " + s.Adapter
	case m.reference == nil && m.policy.Adapter != nil:
		return "the model without its adapter"
	}
	return "the model as it is in " + s.Model
}

// noGradient is the note that the first step moved no weight.
func noGradient(t *task.Task, s config.Settings) string {
	note := "step 1 has no gradient: nothing is learned from its records"
	if t.Program.Needs().Reference && s.RefModel == "" {
		note += ", for which the reference model is the model itself; did you mean to set ref_model_name_or_path?"
	}
	return note
}

// comparesAnswers tells whether the loss holds answers against each other, by scores
// or in examples of several, or against those of a reference model.
func comparesAnswers(t *task.Task, s data.Survey) bool {
	needs := t.Program.Needs()
	return needs.Score || needs.RefAnswers || s.MostCandidates > 1
}

// withoutDropout settles disable_dropout.
func (m *models) withoutDropout(s config.Settings) bool {
	if s.DisableDropout == config.Auto {
		return m.compares
	}
	return s.DisableDropout == config.On
}

// modelNotes are what a user should know about the models, given the task.
func modelNotes(s config.Settings, t *task.Task, m *models) []string {
	policy := m.policy
	notes := append(adapterNotes(s), policy.Notes()...)
	if m.endNote != "" {
		notes = append(notes, m.endNote)
	}
	if a := policy.Adapter; a != nil && a.Config.Dropout > 0 && s.DisableDropout == config.Auto && m.compares {
		notes = append(notes, fmt.Sprintf("the adapter's dropout of %g is off, as in TRL where answers are compared; disable_dropout = false turns it on", a.Config.Dropout))
	}
	if s.Pooling != "auto" && !policy.Causal() {
		notes = append(notes, fmt.Sprintf(
			"%s, a %s, has its own pooling; pooling_type %s has no effect",
			s.Model,
			policy.Config.ModelType,
			s.Pooling,
		))
	}
	if heads := policy.Heads.Classes; len(heads) == 1 && heads[0].Name != "" && policy.Causal() && !t.PoolsLastToken {
		notes = append(notes, fmt.Sprintf(
			"the classifier is saved with cls_heads.%s in the layout of llm_codebase, not as …ForSequenceClassification, because it pools by %s",
			heads[0].Name,
			t.Task.Pooling.Name,
		))
	}
	if policy.Heads.Score && policy.Heads.Codebase {
		why := "it pools by " + t.Task.Pooling.Name
		if policy.Heads.LM {
			why = "it has a head for tokens too"
		}
		notes = append(notes, fmt.Sprintf("the reward model is saved with rm_head in the layout of llm_codebase, not as …ForSequenceClassification, because %s", why))
	}
	return notes
}
