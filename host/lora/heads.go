package lora

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/jsonerror"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/safetensors"
)

// classesKey is the metadata of the weights that holds the names of classes, for
// which PEFT's format has no field.
const classesKey = "classes"

// baseKey is the metadata that tells which weights an adapter was trained on.
const (
	baseKey = "base_weights"
	fourBit = "nf4"
)

// metadata is the metadata of the weight file.
func (a *Adapter) metadata() map[string]string {
	out := map[string]string{"format": "pt"}
	if a.FourBit {
		out[baseKey] = fourBit
	}
	if len(a.Classes) > 0 {
		text, err := json.Marshal(a.Classes)
		if err != nil {
			panic(err) // a list of plain fields
		}
		out[classesKey] = string(text)
	}
	return out
}

// ReadClasses returns the heads of classes that the adapter of a folder was
// trained with; none where its file does not say.
func ReadClasses(folder string) (heads []model.ClassHead, err error) {
	file, err := openWeights(folder)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return classesIn(file)
}

func classesIn(file *safetensors.File) (heads []model.ClassHead, err error) {
	text, has := file.Metadata()[classesKey]
	if !has {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &heads); err != nil {
		return nil, fmt.Errorf("%s: metadata %s: %w", file.Path(), classesKey, jsonerror.Explain([]byte(text), err))
	}
	return heads, nil
}

// Heads returns the heads that a model needs for the adapter of a folder: those
// that the adapter holds, and the one that predicts tokens where it was trained
// for that. There may be none, where those of the base stayed as they were. Classes that the file does not name get the names that transformers
// gives to unnamed ones.
func Heads(folder string) (h model.Heads, err error) {
	c, err := ReadConfig(filepath.Join(folder, ConfigName))
	if err != nil {
		return h, err
	}
	file, err := openWeights(folder)
	if err != nil {
		return h, err
	}
	defer file.Close()
	h.LM = !c.classifies()
	for _, name := range file.Names() {
		head, isHead := strings.CutSuffix(strings.TrimPrefix(name, prefix), ".weight")
		if !isHead || strings.Contains(head, "lora_") {
			continue
		}
		found, err := file.Get(name)
		if err != nil {
			return h, err
		}
		addHead(&h, head, found.Shape)
	}
	named, err := classesIn(file)
	for _, c := range named {
		at := slices.IndexFunc(h.Classes, func(have model.ClassHead) bool {
			return have.Name == c.Name &&
				len(have.Labels) == len(c.Labels)
		})
		if at >= 0 {
			h.Classes[at] = c
		}
	}
	return h, err
}

// NoHead says that neither the adapter of a folder nor its base has the head that
// its task needs.
func NoHead(folder string) error {
	return fmt.Errorf("%s: the adapter is one of a classifier, and neither it nor its base holds a head; train it again, so that its head is saved with it", folder)
}

// VocabSize is how many tokens the model of an adapter has, by the matrices that
// the adapter of a folder was trained and saved with; 0 where it has none of them.
func VocabSize(folder string) (size int64, err error) {
	file, err := openWeights(folder)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for _, name := range file.Names() {
		if model.IsVocabulary(name) {
			found, err := file.Get(name)
			if err != nil {
				return 0, err
			}
			size = max(size, found.Shape[0])
		}
	}
	return size, nil
}

// Apart tells whether the adapter of a folder has two matrices where a base may have
// one for its embedding and its head for tokens: it holds two values, or PEFT
// trained one of them, which leaves the other as it was.
func Apart(folder string) (bool, error) {
	c, err := ReadConfig(filepath.Join(folder, ConfigName))
	if err != nil {
		return false, err
	}
	file, err := openWeights(folder)
	if err != nil {
		return false, err
	}
	defer file.Close()
	var held []safetensors.Tensor
	trained := false
	for _, name := range file.Names() {
		module := nn.Param{Name: bare(name)}.Module()
		if !model.IsVocabulary(name) || nn.LastPart(module) == "word_embeddings" {
			continue
		}
		found, err := file.Get(name)
		if err != nil {
			return false, err
		}
		held = append(held, found)
		trained = trained || c.saves(module)
	}
	if len(held) == 2 {
		return !bytes.Equal(held[0].Data, held[1].Data), nil
	}
	return len(held) == 1 && trained && !c.classifies(), nil
}

// addHead adds the head that a weight [out, hidden] of that name belongs to.
func addHead(h *model.Heads, name string, shape []int64) {
	if len(shape) != 2 {
		return
	}
	labels := make([]string, shape[0])
	for i := range labels {
		labels[i] = fmt.Sprintf("LABEL_%d", i)
	}
	switch of, isClass := strings.CutPrefix(name, "cls_heads."); {
	case isClass:
		h.Classes = append(h.Classes, model.ClassHead{
			Name:        of,
			Labels:      labels,
			Coefficient: 1,
		})
	case name == "rm_head":
		h.Score = true
		h.Codebase = true
	case slices.Contains(sequenceHeads, name): // beside which transformers has none for tokens, whatever task_type says
		h.LM = false
		h.Score = shape[0] == 1
		if !h.Score {
			h.Classes = append(h.Classes, model.ClassHead{Labels: labels, Coefficient: 1})
		}
	case name == "lm_head" || name == "embed_out":
		h.LM = true
	}
}
