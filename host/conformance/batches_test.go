package conformance_test

import (
	"slices"
	"strings"

	"llmhost/host/data"
)

// padScore marks a candidate that only fills up an example.
const padScore = -100

// The names of inputs that are the score of a candidate, and of those
// that are one number an example.
var (
	scoreKeys   = []string{"scores", "rewards", "desirable"}
	exampleKeys = map[string]string{"weights": "weight", "rewards": "reward", "lm_mask": "lm_mask"}
)

// examples makes examples of a padded batch: "input_ids" and "attention_mask" are
// [B, T] or [B, K, T]. "labels" has that shape too, or holds a class of each
// example, as "labels.HEAD" does; without it every token is a label. Scores are
// one a candidate. Padding goes, on whichever side it is.
func examples(in map[string]array) []data.Example {
	ids := in["input_ids"]
	k := 1
	if len(ids.shape) == 3 {
		k = int(ids.shape[1])
	}
	out := make([]data.Example, ids.shape[0])
	for i := range out {
		out[i] = data.Example{Columns: map[string][]float64{}, Labels: classes(in, i), ExampleColumns: numbers(in, i), Source: data.Position{File: "fixture", Line: i + 1}}
	}
	scores := scoresOf(in, k)
	labels := ids.ints()
	if len(in["labels"].shape) == len(ids.shape) {
		labels = in["labels"].ints()
	}
	for r, row := range ids.ints() {
		e := &out[r/k]
		if scores != nil && scores[r] == padScore {
			continue
		}
		if scores != nil {
			e.Columns["score"] = append(e.Columns["score"], scores[r])
		}
		e.Sequences = append(e.Sequences, unpad(row, in["attention_mask"].ints()[r], labels[r]))
	}
	return out
}

// scoresOf are the scores of all candidates; nil where there is one of each
// example, without any. Of two that have none the first is the better one.
func scoresOf(in map[string]array, k int) []float64 {
	for _, key := range scoreKeys {
		if in[key].values != nil {
			return in[key].values
		}
	}
	if k == 1 {
		return nil
	}
	return slices.Repeat([]float64{1, 0}, int(in["input_ids"].shape[0]))
}

// numbers are those of one example; a weight that is not given is 1.
func numbers(in map[string]array, example int) map[string]float64 {
	out := map[string]float64{"weight": 1}
	for key, name := range exampleKeys {
		if len(in[key].shape) == 1 {
			out[name] = in[key].values[example]
		}
	}
	return out
}

// classes are the labels of one example, those of a head without a name under
// the name that losses know it by.
func classes(in map[string]array, example int) map[string]int64 {
	out := map[string]int64{}
	for key, a := range in {
		if head, found := strings.CutPrefix(key, "labels"); found && len(a.shape) == 1 {
			out[strings.TrimPrefix(headOr(head), ".")] = int64(a.values[example])
		}
	}
	return out
}

// onlyHead is what a loss calls the head of a model with one.
const onlyHead = "label"

func headOr(name string) string {
	if name == "" {
		return onlyHead
	}
	return name
}

// unpad takes the real tokens of one padded sequence.
func unpad(ids, mask, labels []int64) data.Sequence {
	var s data.Sequence
	for t := range ids {
		if mask[t] != 0 {
			s.IDs = append(s.IDs, ids[t])
			s.Labels = append(s.Labels, labels[t])
		}
	}
	return s
}
