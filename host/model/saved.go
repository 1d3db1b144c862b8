package model

import (
	"regexp"
	"slices"
	"strconv"

	"llmhost/host/jsonobject"
	"llmhost/host/tensor"
)

// savedConfig is the text of config.json for what is saved: keys that say what a
// model is for, and where it came from, are those of this model; all others stay as
// they were read.
func (f *Model) savedConfig(dtype tensor.DType) ([]byte, error) {
	read, err := jsonobject.Parse(f.ConfigText)
	if err != nil {
		return nil, err
	}
	config := f.forHeads(read).Set("auto_map", nil).Set("_name_or_path", nil)
	if config.Get("dtype") == nil && config.Get("torch_dtype") == nil {
		config = config.Set("dtype", dtype.String())
	}
	text := f.ConfigText // in the layout that was read
	if !slices.EqualFunc(read, config, sameMember) {
		text = config.Text()
	}
	return dtypeKey.ReplaceAll(text, []byte(`${1}"`+dtype.String()+`"`)), nil
}

var dtypeKey = regexp.MustCompile(`("(?:torch_)?dtype"\s*:\s*)(?:"[^"]*"|null)`)

func sameMember(a, b jsonobject.Member) bool {
	return a.Key == b.Key && string(a.Value) == string(b.Value)
}

// forHeads sets what a config says about heads.
func (f *Model) forHeads(config jsonobject.Object) jsonobject.Object {
	h := f.Heads
	if !h.Score && len(h.Classes) == 0 {
		return f.forTokens(config)
	}
	if f.PadID >= 0 {
		config = config.Set(padKey, f.PadID)
	}
	architecture := func(name string) jsonobject.Object {
		return config.Set("architectures", []string{f.class.Models + name})
	}
	switch {
	case h.Score && h.Codebase:
		return withoutClassInfo(architecture("RewardModel"))
	case h.Score:
		return withProblem(withLabels(architecture("ForSequenceClassification"), []string{"LABEL_0"}), "")
	case h.Classes[0].Name == "":
		return withProblem(withLabels(architecture("ForSequenceClassification"), h.Classes[0].Labels), oneClass)
	}
	return withClassInfo(architecture(codebaseClassifier), h.Classes)
}

// forTokens is the config of a model whose one head predicts tokens.
func (f *Model) forTokens(config jsonobject.Object) jsonobject.Object {
	if f.class.Causal == "" {
		return config
	}
	return withoutClassInfo(config.Set("architectures", []string{f.class.Causal}))
}

// oneClass is the problem_type of a text that has one class of several.
const oneClass = "single_label_classification"

// withProblem sets problem_type, by which transformers chooses the loss of a head and
// what its numbers mean. A score has none: "regression", where it is there, says
// that it is no probability.
func withProblem(config jsonobject.Object, kind string) jsonobject.Object {
	switch {
	case kind != "":
		return config.Set("problem_type", kind)
	case string(config.Get("problem_type")) == `"regression"`:
		return config
	}
	return config.Set("problem_type", nil)
}

// withLabels sets id2label and label2id, beside which transformers writes no
// num_labels.
func withLabels(config jsonobject.Object, labels []string) jsonobject.Object {
	names := jsonobject.Object{}
	ids := jsonobject.Object{}
	for i, label := range labels {
		names = names.Set(strconv.Itoa(i), label)
		ids = ids.Set(label, i)
	}
	return withoutClassInfo(config.Set("id2label", names).Set("label2id", ids).Set("num_labels", nil))
}

// withClassInfo sets what llm_codebase reads about several heads.
func withClassInfo(config jsonobject.Object, heads []ClassHead) jsonobject.Object {
	info := jsonobject.Object{}
	labels := jsonobject.Object{}
	numbers := jsonobject.Object{}
	coefficients := jsonobject.Object{}
	for _, h := range heads {
		info = info.Set(h.Name, map[string]any{"labels": h.Labels, "coeff": h.Coefficient})
		labels = labels.Set(h.Name, h.Labels)
		numbers = numbers.Set(h.Name, len(h.Labels))
		coefficients = coefficients.Set(h.Name, h.Coefficient)
	}
	for _, part := range []struct {
		key   string
		value jsonobject.Object
	}{{"cls_info", info}, {"cls_labels", labels}, {"cls_label_nums", numbers}, {"cls_coeffs", coefficients}} {
		config = config.Set(part.key, part.value)
	}
	return config
}

// withoutClassInfo removes what llm_codebase reads about several heads.
func withoutClassInfo(config jsonobject.Object) jsonobject.Object {
	for _, key := range []string{"cls_info", "cls_labels", "cls_label_nums", "cls_coeffs"} {
		config = config.Set(key, nil)
	}
	return config
}
