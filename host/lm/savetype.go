package lm

import (
	"fmt"

	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/tensor"
)

// saveTypes are the types of weights that are saved, and why.
type saveTypes struct {
	setting       string // save_dtype, "" for auto
	types         lora.Types
	opened, files tensor.DType // in which transformers opens the source, and in which its files are
}

// saveTypesOf settles the types that a model of src is saved in. By default they are
// those that others would save: a model in the type that transformers opens it in,
// an adapter in float32 as PEFT has it, with whole parameters in the model's type.
// They follow from the folder that the settings name, as a checkpoint is float32.
func saveTypesOf(src Source, setting string) (s saveTypes, err error) {
	if dtype, known := model.DTypeOf(setting); known {
		return saveTypes{setting: setting, types: lora.Types{Maps: dtype, Whole: dtype}}, nil
	}
	s.opened, s.files, err = model.StoredTypes(src.Name)
	s.types = lora.Types{Maps: tensor.Float32, Whole: s.opened}
	return s, err
}

// note says where the type that is saved loses digits that the files had.
func (s saveTypes) note(name string) string {
	if s.setting != "" || s.files.Size() <= s.opened.Size() {
		return ""
	}
	return fmt.Sprintf("the weights of %s are %s and its config.json says %s: they are saved in %s, as transformers opens them; save_dtype = %q keeps all digits", name, s.files, s.opened, s.opened, tensor.Float32)
}

func (m *Model) saveWeights(folder string) error {
	if m.Adapter != nil {
		return m.Adapter.SaveAs(folder, m.save.types)
	}
	return m.Model.SaveAs(folder, m.SavedType())
}

// SavedType is the type of the weights that Save writes. Where float16 cannot hold
// one of them it is float32.
func (m *Model) SavedType() tensor.DType {
	if m.Adapter != nil {
		return m.save.types.Maps
	}
	if !m.Fits(m.save.types.Whole) {
		return tensor.Float32
	}
	return m.save.types.Whole
}

// DescribeSaved says what SavedType is, "" for float32, and why it is not the type
// that was wanted.
func (m *Model) DescribeSaved() string {
	wanted, saved := m.save.types.Whole, m.SavedType()
	switch {
	case wanted != saved:
		return fmt.Sprintf("; weights in %s, as %s cannot hold some that large", saved, wanted)
	case saved == tensor.Float32:
		return ""
	}
	return fmt.Sprintf("; weights in %s", saved)
}
