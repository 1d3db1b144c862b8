// Package lm opens language models as every verb needs them: tokenizer, weights,
// adapter, heads and the classes of heads. The policy of a run and its reference
// model are two of them. Start at Open.
package lm

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"llmhost/host/atomicfile"
	"llmhost/host/config"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
)

// Source says where a language model comes from.
type Source struct {
	Name    string // the folder that the settings name, for messages
	Weights string // the folder of weights and config.json: Name, or a checkpoint
	Adapter string // the folder of an adapter in PEFT's format, "" for none
	Began   string // the folder of the adapter that the run began with: Adapter, unless it is that of a checkpoint
	// Tokenizer is the folder of the tokenizer.
	Tokenizer string
}

// SourceOf is the source that the settings describe, or, where checkpoint is not
// "", the one that a run resumes from: a checkpoint of a run that trains an
// adapter holds the adapter alone.
func SourceOf(m config.ModelSettings, a config.AdapterSettings, checkpoint string) Source {
	src := Source{
		Name:      m.Model,
		Weights:   m.Model,
		Tokenizer: cmp.Or(m.Tokenizer, m.Model),
		Began:     a.Adapter,
	}
	switch {
	case checkpoint != "" && a.WantsAdapter():
		src.Adapter = checkpoint
	case checkpoint != "":
		src.Weights = checkpoint
	default:
		src.Adapter = a.Adapter
	}
	return src
}

// OpenTokenizer opens the tokenizer, with the tokens that the settings add. The
// caller closes it.
func (s Source) OpenTokenizer(t config.TokenSettings) (*tokenizer.Tokenizer, error) {
	tok, err := tokenizer.LoadWith(s.Tokenizer, tokenizer.Additions{
		Missing: t.SetSpecialTokens,
		Pad:     t.PadToken,
		Tokens:  t.AdditionalTokens,
	})
	if err == nil && t.SplitSpecial != config.Auto {
		tok.SplitSpecial(t.SplitSpecial == config.On)
	}
	return tok, err
}

// Options say how a language model is opened.
type Options struct {
	Device  tensor.Device
	Compute tensor.DType // of matrix products; weights are float32
	FourBit bool         // keep the weights below the adapters in 4 bits

	// Heads are those that are wanted; nil means those that the adapter holds, or
	// the one that predicts tokens.
	Heads *model.Heads
	// IgnoreMismatchedSizes initializes a head that the files hold in another size.
	IgnoreMismatchedSizes bool
	// NewAdapter is attached to the model where the source has no adapter; nil means none.
	NewAdapter *lora.Config

	ResizeVocab bool // let the vocabulary grow to the tokenizer's
	// SaveDType is the type of the weights that Save writes, as save_dtype names it;
	// "" is auto.
	SaveDType string
	// SaveSpecialTokens has config.json name the tokenizer's special tokens.
	SaveSpecialTokens bool
}

// Model is a language model that is open.
type Model struct {
	*model.Model
	Source    Source
	Tokenizer *tokenizer.Tokenizer // nil where it was opened without one
	Adapter   *lora.Adapter        // nil where it has none

	save       saveTypes
	wasFourBit bool   // the adapter was trained on 4 bits
	apart      bool   // the adapter makes two matrices of a tied one
	storedPad  int64  // the pad token of config.json, where the heads need one
	padNote    string // how it was settled, "" where nobody need know
}

// Open loads a model onto the device. tok may be nil where nothing is tokenised;
// the caller closes it. Errors name the folder and the file.
func Open(src Source, tok *tokenizer.Tokenizer, o Options) (_ *Model, err error) {
	options, err := o.forModel(src, tok)
	if err != nil {
		return nil, err
	}
	loaded, err := model.Load(src.Weights, options)
	if err != nil {
		return nil, err
	}
	m := &Model{Model: loaded, Source: src, Tokenizer: tok, apart: options.Untie && loaded.Untied}
	defer func() {
		if err != nil {
			loaded.Free()
		}
	}()
	if m.save, err = saveTypesOf(src, o.SaveDType); err != nil {
		return nil, err
	}
	if err := m.SettlePad(tok); err != nil {
		return nil, err
	}
	if o.SaveSpecialTokens {
		if err := m.nameSpecialTokens(); err != nil {
			return nil, err
		}
	}
	if err := m.openAdapter(o); err != nil {
		return nil, err
	}
	if err := m.checkVocabulary(); err != nil {
		return nil, err
	}
	return m, nil
}

// forModel are the options for model.Load.
func (o Options) forModel(src Source, tok *tokenizer.Tokenizer) (out model.Options, err error) {
	out = model.Options{
		Device:  o.Device,
		Param:   tensor.Float32,
		Compute: o.Compute,
		FourBit: o.FourBit,
	}
	out.IgnoreMismatchedSizes = o.IgnoreMismatchedSizes || src.Adapter != "" // an adapter holds the head
	switch {
	case o.Heads != nil:
		out.Heads = *o.Heads
	case src.Adapter != "":
		if out.Heads, err = src.adapterHeads(); err != nil {
			return out, err
		}
	}
	if src.Adapter != "" {
		if out.Untie, err = lora.Apart(src.Adapter); err != nil {
			return out, err
		}
	}
	out.Vocab, out.CutVocab, err = o.vocabulary(src, tok)
	return out, err
}

// vocabulary is how many tokens the model must have at least: those of the
// tokenizer, where it got new ones or resize_vocab is set, and those that the
// adapter was trained with, which may be fewer than those of its base.
func (o Options) vocabulary(src Source, tok *tokenizer.Tokenizer) (size int64, cut bool, err error) {
	if tok != nil && (o.ResizeVocab || len(tok.Added()) > 0) {
		size = int64(tok.MaxID()) + 1
	}
	if src.Adapter == "" {
		return size, false, nil
	}
	stored, err := lora.VocabSize(src.Adapter)
	return max(size, stored), stored > 0, err
}

// nameSpecialTokens makes config.json and generation_config.json name the tokenizer's
// special tokens.
func (m *Model) nameSpecialTokens() error {
	if m.Tokenizer == nil {
		return nil
	}
	special := m.Tokenizer.Special()
	roles := []struct {
		key string
		id  int32
	}{{"bos_token_id", special.BOS}, {"eos_token_id", special.EOS}, {"pad_token_id", special.PAD}}
	for _, role := range roles {
		if role.id < 0 {
			continue
		}
		if err := m.SetConfig(role.key, role.id); err != nil {
			return err
		}
	}
	if special.EOS < 0 {
		return nil
	}
	_, err := m.AddEnd(special.EOS)
	return err
}

// checkGrown refuses a new adapter that would lose the rows of new tokens.
func (m *Model) checkGrown() error {
	if m.Grown == 0 {
		return nil
	}
	var lost []string
	for _, p := range m.Params().All() {
		if model.IsVocabulary(p.Name) && !p.Tensor.RequiresGrad() {
			lost = append(lost, nn.LastPart(p.Module()))
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return fmt.Errorf(
		"the vocabulary grows by %d tokens, whose rows an adapter does not hold; add %s to modules_to_save, or train without lora_r",
		m.Grown,
		strings.Join(lost, " and "),
	)
}

// checkVocabulary refuses a tokenizer with ids that the model has no row for.
func (m *Model) checkVocabulary() error {
	if m.Tokenizer == nil {
		return nil
	}
	return m.Source.CheckVocabulary(m.Tokenizer, m.Config.VocabSize)
}

// CheckVocabulary refuses a tokenizer with ids beyond a model of so many tokens.
func (s Source) CheckVocabulary(tok *tokenizer.Tokenizer, size int64) error {
	if int64(tok.MaxID()) < size {
		return nil
	}
	named := ""
	if beyond := tok.Beyond(); len(beyond) > 0 {
		named = fmt.Sprintf(" (named beside tokenizer.json, not in it: %s)", strings.Join(beyond, ", "))
	}
	return fmt.Errorf("tokenizer %s has ids up to %d%s, and the model %s has vocab_size %d; give the tokenizer that the model was trained with, or resize_vocab = true to let the model grow",
		s.Tokenizer, tok.MaxID(), named, s.Name, size)
}

// TrainAdapterOn makes the adapter's file name the classes of its heads and
// the type of the weights below it.
func (m *Model) TrainAdapterOn(classes []model.ClassHead, fourBit bool) {
	if m.Adapter != nil {
		m.Adapter.Classes = classes
		m.Adapter.FourBit = fourBit
	}
}

// Save writes what is trained, the adapter or the whole model, in the types of
// save_dtype, and the tokenizer into folder, which exists.
func (m *Model) Save(folder string) error {
	if err := m.saveWeights(folder); err != nil || m.Tokenizer == nil {
		return err
	}
	return m.Tokenizer.Save(folder, atomicfile.WriteFile)
}

// SaveInto is Save into a fresh folder that is made durable as a whole, with the
// weights as they are trained, so that a run can go on from it.
func (m *Model) SaveInto(folder string) error {
	save := m.Model.SaveInto
	if m.Adapter != nil {
		save = m.Adapter.SaveInto
	}
	if err := save(folder); err != nil || m.Tokenizer == nil {
		return err
	}
	return m.Tokenizer.Save(folder, func(path string, data []byte) error { return os.WriteFile(path, data, 0o644) })
}

// Trained is how many of the weights are trained.
func (m *Model) Trained() (weights int64) {
	for _, p := range m.Params().Trained() {
		weights += p.Tensor.Numel()
	}
	return weights
}

// Notes are what a user should know about the model.
func (m *Model) Notes() (notes []string) {
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if m.Adapter != nil {
		notes = m.Adapter.Notes()
	}
	if m.Adapter != nil && m.Source.Adapter != "" && m.wasFourBit != m.Adapter.FourBit {
		note("the adapter of %s was trained with load_in_4bit = %v", m.Source.Adapter, m.wasFourBit)
	}
	switch {
	case m.apart:
		note("the adapter of %s has an embedding and a head for tokens of its own: the matrix of %s that is both becomes two, as in PEFT", m.Source.Adapter, m.Source.Name)
	case m.Untied:
		note("config.json of %s has tie_word_embeddings = true, but its weights hold an input embedding and an output head that differ: they are used as two, as in transformers 5, and what is saved says tie_word_embeddings = false", m.Source.Name)
	}
	if note := m.save.note(m.Source.Name); note != "" {
		notes = append(notes, note)
	}
	if n := len(m.Unused); n > 0 {
		note("%s holds %d tensors that this run does not use, %s among them", m.Source.Name, n, m.Unused[0])
	}
	if m.Grown > 0 {
		note(
			"the vocabulary of %s grows by %d to %d tokens%s; each new row is the mean of the old ones",
			m.Source.Name,
			m.Grown,
			m.Config.VocabSize,
			m.addedTokens(),
		)
	}
	if m.Grown < 0 {
		note("the vocabulary of %s is cut by %d to %d tokens, with which the adapter was trained", m.Source.Name, -m.Grown, m.Config.VocabSize)
	}
	for _, pad := range []string{m.padNote, m.adapterPadNote()} {
		if pad != "" {
			note("%s", pad)
		}
	}
	if len(m.Fresh) > 0 {
		note("%s has no %s that fits; it starts with random weights", m.Source.Name, strings.Join(m.Fresh, ", "))
	}
	return notes
}

// addedTokens lists the tokens that the settings added, the first few of many.
func (m *Model) addedTokens() string {
	const shown = 5
	if m.Tokenizer == nil || len(m.Tokenizer.Added()) == 0 {
		return ""
	}
	added := m.Tokenizer.Added()
	if len(added) > shown {
		return fmt.Sprintf(", %s and %d more", strings.Join(added[:shown], ", "), len(added)-shown)
	}
	return ", with " + strings.Join(added, ", ")
}
