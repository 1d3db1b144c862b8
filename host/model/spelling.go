package model

import (
	"maps"
	"slices"
	"strings"
)

// spelling finds the tensors of weight files whose names are not today's: those
// of models that were saved without a head, where the name of the body is
// missing in front, and those of old versions.
type spelling map[string]bool // the names in the files

func newSpelling(names []string) spelling {
	s := spelling{}
	for _, name := range names {
		s[name] = true
	}
	return s
}

// bodies are the prefixes of a body's parameters where there is a head.
var bodies = []string{"model.", "gpt_neox.", "bert."}

// older are today's endings and the ones that they once had.
var older = [][2]string{
	{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}, // BERT, as TensorFlow has it
	{"embed_out.weight", "lm_head.weight"}, // GPT-NeoX
	// a score head has had three names
	{scoreName + ".weight", codebaseName + ".weight"}, {scoreName + ".weight", formerName + ".weight"},
	{codebaseName + ".weight", scoreName + ".weight"}, {codebaseName + ".weight", formerName + ".weight"},
}

// lmHeads are the names of heads that predict tokens.
var lmHeads = []string{"lm_head.weight", "embed_out.weight"}

// of returns the name in the files of the parameter called name; name itself
// where there is none.
func (s spelling) of(name string) string {
	names := []string{name}
	for _, body := range bodies {
		if bare, found := strings.CutPrefix(name, body); found {
			names = append(names, bare)
		}
	}
	for _, n := range names {
		if s[n] {
			return n
		}
		for _, pair := range older {
			if rest, found := strings.CutSuffix(n, pair[0]); found && s[rest+pair[1]] {
				return rest + pair[1]
			}
		}
	}
	return name
}

// unused lists the names that were not read, except for a head that predicts tokens,
// which is tied or not wanted, and what old versions stored although it follows
// from the config.
func (s spelling) unused(read map[string]bool) (left []string) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if !read[name] && !slices.Contains(lmHeads, name) && !follows(name) {
			left = append(left, name)
		}
	}
	return left
}

// follows tells whether a tensor is a mask, a count of positions or rotary
// angles, which follow from the config.
func follows(name string) bool {
	for _, ending := range []string{"rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias", "embeddings.position_ids", "embeddings.token_type_ids"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}
