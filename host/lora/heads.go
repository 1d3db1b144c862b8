package lora

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"llmhost/host/model"
	"llmhost/host/safetensors"
)

// Heads returns the heads that a model needs for the adapter of a folder: those
// that the adapter holds, and the one that predicts tokens where it was trained
// for that. Files say how many classes a head has, not what they are called.
func Heads(folder string) (h model.Heads, err error) {
	c, err := ReadConfig(filepath.Join(folder, ConfigName))
	if err != nil {
		return h, err
	}
	file, err := safetensors.Open(filepath.Join(folder, WeightsName))
	if err != nil {
		return h, err
	}
	defer file.Close()
	h.LM = c.TaskType == "CAUSAL_LM" || c.TaskType == ""
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
	return h, nil
}

// VocabSize is how many tokens the model of an adapter has, by the matrices that
// the adapter of a folder was trained and saved with; 0 where it has none of them.
func VocabSize(folder string) (size int64, err error) {
	file, err := safetensors.Open(filepath.Join(folder, WeightsName))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil // Load says what is missing
	}
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

// addHead adds the head that a weight [out, hidden] of that name is of.
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
		h.Classes = append(h.Classes, model.ClassHead{Name: of, Labels: labels, Coefficient: 1})
	case name == "rm_head":
		h.Score, h.Reference = true, true
	case (name == "score" || name == "classifier") && shape[0] == 1:
		h.Score = true
	case name == "score" || name == "classifier":
		h.Classes = append(h.Classes, model.ClassHead{Labels: labels, Coefficient: 1})
	case name == "lm_head" || name == "embed_out":
		h.LM = true
	}
}
