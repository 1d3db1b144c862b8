package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

// Heads says what stands on the body of a network. The zero value is the one
// head that predicts tokens.
type Heads struct {
	LM      bool        // predicts tokens
	Score   bool        // gives a row its reward
	Classes []ClassHead // each gives a row the logits of its classes
	// Reference names a score head as the reference system does, rm_head, in the
	// place of transformers' …ForSequenceClassification, which has neither
	// another pooling than that of the last token nor a head for tokens beside it.
	Reference bool
}

// ClassHead is a head of classes. The only one of a model whose name is ""
// stands as transformers' …ForSequenceClassification has it; others, each with a
// bias, as the reference system has them.
type ClassHead struct {
	Name        string
	Labels      []string // by class
	Coefficient float64  // of its loss
}

// The names of heads in files.
const (
	scoreName     = "score"      // of …ForSequenceClassification on a decoder
	bertName      = "classifier" // and on BERT
	referenceName = "rm_head"
	formerName    = "reward_head" // the reference system's before March 2024
	classesName   = "cls_heads."
)

// referenceClassifier ends the class name of the reference system's classifier
// of several heads; it is spelled so there.
const referenceClassifier = "Classifer"

// none tells whether h names no head.
func (h Heads) none() bool { return !h.LM && !h.Score && len(h.Classes) == 0 }

// addHeads puts the heads that are wanted on f. A decoder's score head and its
// only head of classes have no bias; BERT's have one.
func (f *Folder) addHeads(p *nn.Params, h Heads) {
	bert := IsEncoder(f.Config.ModelType)
	h.Reference = h.Reference && !bert // its pooling is that of …ForSequenceClassification, whatever a run's
	f.Heads = h
	one := func(reference bool, out int) *nn.Linear {
		switch {
		case bert:
			return p.Head(bertName, f.Config.HiddenSize, int64(out), true)
		case reference:
			return p.Head(referenceName, f.Config.HiddenSize, int64(out), false)
		}
		return p.Head(scoreName, f.Config.HiddenSize, int64(out), false)
	}
	if h.Score {
		f.Score = one(h.Reference, 1)
	}
	f.Classes = map[string]*nn.Linear{}
	for _, c := range h.Classes {
		if c.Name == "" {
			f.Classes[""] = one(false, len(c.Labels))
			continue
		}
		f.Classes[c.Name] = p.Head(classesName+c.Name, f.Config.HiddenSize, int64(len(c.Labels)), true)
	}
}

// isHead tells whether a parameter is of a head that a run may begin anew.
func isHead(name string) bool {
	module := nn.Param{Name: name}.Module()
	return slices.Contains([]string{scoreName, bertName, referenceName}, module) || strings.HasPrefix(module, classesName)
}

// HeadParams names the parameters of the score head and of the heads of classes.
func (f *Folder) HeadParams() (names []string) {
	for _, p := range f.Params().All() {
		if isHead(p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// orFresh draws the heads that the file does not have, and notes which.
func (f *Folder) orFresh(weights *safetensors.File, spelled spelling, o Options) (nn.Source, error) {
	std, err := initializerRange(f.ConfigText)
	if err != nil {
		return nil, err
	}
	read, draw := fileSource(weights, spelled, o), randomSource(std, f.Config.ModelType, o)
	return func(name string, shape []int64) tensor.Tensor {
		if isHead(name) && !spelled[spelled.of(name)] {
			f.Fresh = append(f.Fresh, name)
			return draw(name, shape)
		}
		return read(name, shape)
	}, nil
}

// families are the first parts of transformers' class names, by model_type.
var families = map[string]string{"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3", "gpt_neox": "GPTNeoX",
	"bert": "Bert", "gemma2": "Gemma2", "gemma3_text": "Gemma3Text", "phi3": "Phi3"}

// headConfig is the text of config.json for a model with these heads. Keys that
// heads do not concern stay as they are.
func (f *Folder) headConfig() ([]byte, error) {
	if f.Heads.none() || f.Heads.LM && !f.Heads.Score && len(f.Heads.Classes) == 0 {
		return f.ConfigText, nil
	}
	config, err := parseObject(f.ConfigText)
	if err != nil {
		return nil, err
	}
	family := families[f.Config.ModelType]
	if f.PadID >= 0 {
		config = config.set("pad_token_id", f.PadID)
	}
	switch {
	case f.Heads.Score && f.Heads.Reference:
		return config.set("architectures", []string{family + "RewardModel"}).text(), nil
	case f.Heads.Score:
		return withLabels(config.set("architectures", []string{family + "ForSequenceClassification"}), []string{"LABEL_0"}).text(), nil
	case f.Heads.Classes[0].Name == "":
		return withLabels(config.set("architectures", []string{family + "ForSequenceClassification"}), f.Heads.Classes[0].Labels).text(), nil
	}
	return withClassInfo(config.set("architectures", []string{family + referenceClassifier}), f.Heads.Classes).text(), nil
}

// withLabels sets id2label and label2id.
func withLabels(config jsonObject, labels []string) jsonObject {
	names, ids := jsonObject{}, jsonObject{}
	for i, label := range labels {
		names, ids = names.set(strconv.Itoa(i), label), ids.set(label, i)
	}
	return config.set("id2label", json.RawMessage(names.text())).set("label2id", json.RawMessage(ids.text()))
}

// withClassInfo sets what the reference system reads of several heads.
func withClassInfo(config jsonObject, heads []ClassHead) jsonObject {
	info, labels, numbers, coefficients := jsonObject{}, jsonObject{}, jsonObject{}, jsonObject{}
	for _, h := range heads {
		info = info.set(h.Name, map[string]any{"labels": h.Labels, "coeff": h.Coefficient})
		labels, numbers, coefficients = labels.set(h.Name, h.Labels), numbers.set(h.Name, len(h.Labels)), coefficients.set(h.Name, h.Coefficient)
	}
	for _, part := range []struct {
		key   string
		value jsonObject
	}{{"cls_info", info}, {"cls_labels", labels}, {"cls_label_nums", numbers}, {"cls_coeffs", coefficients}} {
		config = config.set(part.key, json.RawMessage(part.value.text()))
	}
	return config
}

// ReadClassHeads returns the heads of classes that a model folder has, none
// where it is a model without.
func ReadClassHeads(folder string) ([]ClassHead, error) {
	f, err := readFolder(folder)
	if err != nil {
		return nil, err
	}
	var config struct {
		Architectures []string
		Names         map[string]string `json:"id2label"`
		Info          map[string]struct {
			Labels []string
			Coeff  float64
		} `json:"cls_info"`
	}
	if err := json.Unmarshal(f.ConfigText, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, inJSON(err))
	}
	if len(config.Info) > 0 {
		return inFileOrder(f.ConfigText, func(name string) ClassHead {
			return ClassHead{name, config.Info[name].Labels, config.Info[name].Coeff}
		})
	}
	if len(config.Architectures) == 0 || !strings.HasSuffix(config.Architectures[0], "ForSequenceClassification") {
		return nil, nil
	}
	head := ClassHead{Labels: make([]string, len(config.Names)), Coefficient: 1}
	for id, label := range config.Names {
		n, err := strconv.Atoi(id)
		if err != nil || n < 0 || n >= len(head.Labels) {
			return nil, fmt.Errorf("%s/%s: id2label has the id %q; want whole numbers from 0", folder, ConfigName, id)
		}
		head.Labels[n] = label
	}
	return []ClassHead{head}, nil
}

// inFileOrder lists the heads of cls_info as they stand in the text.
func inFileOrder(text []byte, head func(name string) ClassHead) (heads []ClassHead, err error) {
	config, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	for _, m := range config {
		if m.key != "cls_info" {
			continue
		}
		info, err := parseObject(m.value)
		if err != nil {
			return nil, errors.New("cls_info is not an object of heads")
		}
		for _, h := range info {
			heads = append(heads, head(h.key))
		}
	}
	return heads, nil
}
