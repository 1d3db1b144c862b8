package host

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/tensor"
	"llmhost/host/train"
)

// networks are the models of a run.
type networks struct {
	policy    *model.Model
	adapter   *lora.Adapter // nil where all of the policy is trained
	reference *model.Model  // nil where there is none, or where it is the policy without its adapter
}

func (n networks) free() {
	for _, m := range []*model.Model{n.policy, n.reference} {
		if m != nil && m.Backbone != nil {
			m.Free()
		}
	}
}

// save writes what was trained into output_dir.
func (n networks) save(folder string) error {
	if n.adapter != nil {
		return n.adapter.Save(folder)
	}
	return n.policy.Save(folder)
}

// saveInto is save into the folder of a checkpoint.
func (n networks) saveInto(folder string) error {
	if n.adapter != nil {
		return n.adapter.SaveInto(folder)
	}
	return n.policy.SaveInto(folder)
}

// adapterConfig is the adapter that the settings describe.
func adapterConfig(s config.Settings) (lora.Config, error) {
	if s.PEFTConfigPath != "" {
		return lora.ReadConfig(s.PEFTConfigPath)
	}
	c := lora.Default()
	c.R, c.Alpha, c.Dropout, c.RSLoRA, c.DoRA = s.LoraR, s.LoraAlpha, s.LoraDropout, s.UseRSLoRA, s.UseDoRA
	c.Targets, c.ModulesToSave = lora.ParseModules(s.LoraTargetModules), s.ModulesToSave
	return c, c.Check()
}

// heads says what the loss wants to stand on the model.
func (r *run) heads() model.Heads {
	needs := train.NeedsOf(r.task.program)
	h := model.Heads{LM: needs.LM, Score: needs.Score, Classes: r.classHeads}
	if h.Score && (h.LM || !r.task.lastToken) {
		h.Reference = true
	}
	return h
}

// openNetworks loads the models onto the device: the checkpoint's, where the run goes on.
func (r *run) openNetworks() (err error) {
	s := r.settings
	options := model.Options{Device: r.device, Param: tensor.Float32, Compute: tensor.Float32, Heads: r.heads(),
		FourBit:               s.LoadIn4Bit,
		IgnoreMismatchedSizes: s.IgnoreMismatched || r.adapterFolder() != ""} // an adapter holds the head
	if s.BF16 {
		options.Compute = tensor.BFloat16
	}
	if options.Vocab, err = r.vocabulary(); err != nil {
		return err
	}
	if r.networks.policy, err = model.Load(r.modelFolder(), options); err != nil {
		return err
	}
	if err := r.nameSpecialTokens(); err != nil {
		return err
	}
	if s.WantsAdapter() {
		if err := r.openAdapter(); err != nil {
			return err
		}
	}
	if train.NeedsOf(r.task.program).Reference {
		options.Heads = model.Heads{LM: true}
		return r.openReference(options)
	}
	return nil
}

// vocabulary is how many tokens the models are to have at least: those of the
// tokenizer, where it got some or the settings let it lead, and those that the
// adapter to go on from was trained with.
func (r *run) vocabulary() (size int64, err error) {
	if r.settings.ResizeVocab || len(r.tokenizer.Added()) > 0 {
		size = int64(r.tokenizer.MaxID()) + 1
	}
	if folder := r.adapterFolder(); folder != "" {
		stored, err := lora.VocabSize(folder)
		return max(size, stored), err
	}
	return size, nil
}

// nameSpecialTokens has the policy saved with the ids of tokens whose role the
// settings chose.
func (r *run) nameSpecialTokens() error {
	s, special := r.settings, r.tokenizer.Special()
	r.networks.policy.PadID = int64(special.PAD)
	if !s.SetSpecialTokens && s.PadToken == "" {
		return nil
	}
	for _, role := range []struct {
		key string
		id  int32
	}{{"bos_token_id", special.BOS}, {"eos_token_id", special.EOS}, {"pad_token_id", special.PAD}} {
		if role.id < 0 {
			continue
		}
		if err := r.networks.policy.SetConfig(role.key, role.id); err != nil {
			return err
		}
	}
	return nil
}

// modelFolder is where the policy's own weights come from: the checkpoint, unless
// that holds an adapter alone, or the folder of the settings.
func (r *run) modelFolder() string {
	if r.from.Path != "" && !r.settings.WantsAdapter() {
		return r.from.Path
	}
	return r.settings.Model
}

// adapterFolder is where the adapter comes from: the checkpoint, the folder of
// the settings, or nowhere.
func (r *run) adapterFolder() string {
	switch {
	case !r.settings.WantsAdapter():
		return ""
	case r.from.Path != "":
		return r.from.Path
	}
	return r.settings.Adapter
}

// openAdapter gives the policy its adapter: the checkpoint's, that of the
// settings, or a fresh one.
func (r *run) openAdapter() (err error) {
	s, p := r.settings, r.networks.policy
	if folder := r.adapterFolder(); folder != "" {
		if r.networks.adapter, err = lora.Load(p.Params(), folder); err != nil {
			return err
		}
		if was := r.networks.adapter.FourBit; was != s.LoadIn4Bit {
			r.from.notes = append(r.from.notes, fmt.Sprintf("the adapter of %s was trained with load_in_4bit = %v", folder, was))
		}
		r.networks.adapter.Classes, r.networks.adapter.FourBit = r.classHeads, s.LoadIn4Bit
		return nil
	}
	c, err := adapterConfig(s)
	if err != nil {
		return err
	}
	c.Base, c.TaskType = s.Model, "CAUSAL_LM"
	if !p.Heads.LM {
		c.TaskType = "SEQ_CLS"
	}
	// As PEFT does, also where the base has the head: an adapter holds what its task stands on.
	if r.networks.adapter, err = lora.Attach(p.Params(), c, p.HeadParams()); err != nil {
		return err
	}
	r.networks.adapter.Classes, r.networks.adapter.FourBit = r.classHeads, s.LoadIn4Bit
	return r.checkGrown()
}

// checkGrown refuses an adapter that would lose the rows of new tokens.
func (r *run) checkGrown() error {
	if r.networks.policy.Grown == 0 {
		return nil
	}
	var lost []string
	for _, p := range r.networks.policy.Params().All() {
		if model.IsVocabulary(p.Name) && !p.Tensor.RequiresGrad() {
			lost = append(lost, nn.LastPart(p.Module()))
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("the vocabulary grows by %d tokens, whose rows an adapter does not hold; add %s to modules_to_save, or train without lora_r", r.networks.policy.Grown, strings.Join(lost, " and "))
	}
	return nil
}

// openReference loads the model that the policy is held against. Under an
// adapter it is the policy without that, unless the settings name another.
func (r *run) openReference(o model.Options) (err error) {
	s := r.settings
	if r.networks.adapter != nil && s.RefModel == "" {
		heads := r.networks.policy.HeadParams()
		for _, name := range r.networks.adapter.Saved() {
			if !slices.Contains(heads, name) {
				return fmt.Errorf("modules_to_save trains %s, so that the model without its adapter is not the one that the run began with; give ref_model_name_or_path", name)
			}
		}
		return nil
	}
	path := s.RefModel
	if path == "" {
		path = s.Model
	}
	if r.networks.reference, err = model.Load(path, o); err != nil {
		return fmt.Errorf("reference model: %w", err)
	}
	if own, other := r.networks.policy.Config.VocabSize, r.networks.reference.Config.VocabSize; own != other {
		return fmt.Errorf("reference model %s has vocab_size %d, the model %s has %d; both must share one tokenizer", path, other, s.Model, own)
	}
	r.networks.reference.Params().Freeze()
	return nil
}

// describeReference says what the policy is held against, "" where it is nothing.
func (r *run) describeReference() string {
	s := r.settings
	ahead := ""
	if s.PrecomputeRefLogProbs {
		ahead = ", asked ahead"
	}
	switch {
	case !train.NeedsOf(r.task.program).Reference:
		return ""
	case s.RefModel != "":
		return fmt.Sprintf("held against %s%s", s.RefModel, ahead)
	case r.networks.adapter != nil:
		return "held against the model without its adapter" + ahead
	}
	return "held against the model as " + s.Model + " has it" + ahead
}

// noGradient says that the first step moved no weight.
func (r *run) noGradient() string {
	note := "step 1 has no gradient: nothing is learned from its records"
	if train.NeedsOf(r.task.program).Reference && r.settings.RefModel == "" {
		note += ", for which the reference model is the model itself; is ref_model_name_or_path to be another?"
	}
	return note
}

// notes say what of the models a user would want to know.
func (r *run) networkNotes() (notes []string) {
	s, p := r.settings, r.networks.policy
	if left := p.Unused; len(left) > 0 {
		notes = append(notes, fmt.Sprintf("%s holds %d tensors that this run does not use, %s among them", s.Model, len(left), left[0]))
	}
	if p.Grown > 0 {
		notes = append(notes, fmt.Sprintf("the vocabulary of %s grows by %d to %d tokens%s; each new row is the mean of the old ones", s.Model, p.Grown, p.Config.VocabSize, r.addedTokens()))
	}
	if len(p.Fresh) > 0 {
		notes = append(notes, fmt.Sprintf("%s has no %s that fits; it begins with random weights", s.Model, strings.Join(p.Fresh, ", ")))
	}
	if s.Pooling != "auto" && !p.Causal() {
		notes = append(notes, fmt.Sprintf("%s, a %s, pools rows in a way of its own; pooling_type %s has no effect", s.Model, p.Config.ModelType, s.Pooling))
	}
	if p.Heads.Score && p.Heads.Reference {
		why := "it pools by " + r.task.poolingName()
		if p.Heads.LM {
			why = "it has a head for tokens too"
		}
		notes = append(notes, fmt.Sprintf("the reward model is saved with rm_head in the layout of the reference system, not as …ForSequenceClassification, because %s", why))
	}
	if p.Heads.Score && !p.Heads.Reference && (p.PadID < 0 || p.PadID == int64(r.tokenizer.Special().EOS)) {
		notes = append(notes, "the tokenizer has no pad token of its own, by which transformers finds the end of a row in a batch: there, give it one with pad_token = \"<pad>\", or score rows one by one")
	}
	return notes
}

// addedTokens lists the tokens that the settings added, the first few of many.
func (r *run) addedTokens() string {
	const shown = 5
	added := r.tokenizer.Added()
	switch {
	case len(added) == 0:
		return ""
	case len(added) > shown:
		return fmt.Sprintf(", %s and %d more", strings.Join(added[:shown], ", "), len(added)-shown)
	}
	return ", with " + strings.Join(added, ", ")
}

// trainedShare says how many of the weights are trained, where not all are.
func (r *run) trainedShare() string {
	if r.networks.adapter == nil {
		return ""
	}
	n := int64(0)
	for _, p := range r.networks.policy.Params().Trained() {
		n += p.Tensor.Numel()
	}
	return fmt.Sprintf(" with an adapter, of which %s are trained", console.Thousands(float64(n)))
}
