package model

import (
	"bytes"
	"encoding/json"
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
	text := f.ConfigText // in the layout that was read
	if !slices.EqualFunc(read, config, sameMember) {
		text = config.Text()
	}
	return dtypeKey.ReplaceAll(text, []byte(`${1}"`+dtype.String()+`"`)), nil
}

var dtypeKey = regexp.MustCompile(`("(?:torch_)?dtype"\s*:\s*)(?:"[^"]*"|null)`)

func sameMember(a, b jsonobject.Member) bool {
	return a.Key == b.Key && bytes.Equal(compact(a.Value), compact(b.Value))
}

// compact is a value without the blanks between its parts.
func compact(value json.RawMessage) []byte {
	var b bytes.Buffer
	_ = json.Compact(&b, value) // it was parsed or encoded before
	return b.Bytes()
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
		return withProblem(withLabels(architecture("ForSequenceClassification"), Unnamed(1)), regression)
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

// The values of problem_type that are trained here: a text has one class of
// several, or a score that is no probability.
const (
	oneClass   = "single_label_classification"
	regression = "regression"
)

// withProblem corrects problem_type, by which transformers chooses the loss of a
// head and what its numbers mean; without it both follow from the number of labels.
func withProblem(config jsonobject.Object, right string) jsonobject.Object {
	switch string(config.Get("problem_type")) {
	case "", "null", strconv.Quote(right):
		return config
	}
	if right == regression {
		return config.Set("problem_type", nil)
	}
	return config.Set("problem_type", right)
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
