package op

import (
	"errors"
	"strings"
)

// ProgramKind is what a program is for.
type ProgramKind string

// The kinds of programs.
const (
	LossProgram    ProgramKind = "loss"
	PoolingProgram ProgramKind = "pooling"
)

// Input is something that the host can hand to a program. Requesting it is what
// makes the host compute it.
type Input struct {
	Name      string // a name, or a prefix ending in a dot that the program completes
	Value     Value  // a dimension that ends in _ is completed with the name
	FromModel bool   // computed by the model, so gradients flow into it and no count may read it
	Frozen    bool   // computed by a frozen model: no gradient, and no count may read it
	Head      string // the head that gives it: LMHead, ScoreHead or ClassHead; "" if none does
	Doc       string
}

// The heads that a model may have.
const (
	LMHead    = "lm"
	ScoreHead = "score"
	ClassHead = "classes"
)

// Heads returns the names of all heads.
func Heads() []string { return []string{LMHead, ScoreHead, ClassHead} }

// inputs lists what a program of each kind may ask for.
var inputs = map[ProgramKind][]Input{
	LossProgram: {
		{"policy.logps", Value{F32, Shape{"B", "K", "T"}}, true, false, LMHead, "log-probability of each label token, 0 where there is no label"},
		{"ref.logps", Value{F32, Shape{"B", "K", "T"}}, false, true, LMHead, "the same under the reference model, a constant for the gradient"},
		{"rewards", Value{F32, Shape{"B", "K"}}, true, false, ScoreHead, "the reward of each candidate under the score head, 0 for a padding candidate"},
		{"kl.reverse", Value{F32, Shape{"B", "K", "T"}}, true, false, LMHead, "KL(policy ‖ reference) over the whole vocabulary at each label token, 0 where there is none"},
		{"kl.forward", Value{F32, Shape{"B", "K", "T"}}, true, false, LMHead, "KL(reference ‖ policy) over the whole vocabulary at each label token, 0 where there is none"},
		{"policy.vocab_mean_logps", Value{F32, Shape{"B", "K", "T"}}, true, false, LMHead, "mean over the vocabulary of the log-probabilities at each label token, 0 where there is none"},
		{"mismatched.policy.logps", Value{F32, Shape{"B", "K", "U"}}, false, true, LMHead, "log-probability of each token of another example's answer after this prompt, 0 where there is none; no gradient"},
		{"mismatched.ref.logps", Value{F32, Shape{"B", "K", "U"}}, false, true, LMHead, "the same under the reference model"},
		{"state.", Value{F32, Shape{}}, false, true, "", "a number that the host keeps from step to step, which the program lists among its states"},
		{"logits.", Value{F32, Shape{"B", "C_"}}, true, false, ClassHead, "logits of the classes of a classification head, of which there are C_NAME"},
		{"label_mask", Value{Bool, Shape{"B", "K", "T"}}, false, false, "", "true where there is a label token"},
		{"label.", Value{I64, Shape{"B"}}, false, false, "", "the class of each example under that head, -100 where it has none"},
		{"candidate_mask", Value{Bool, Shape{"B", "K"}}, false, false, "", "false for a padding candidate"},
		{"column.", Value{F32, Shape{"B", "K"}}, false, false, "", "a data column with one number a candidate, 0 for a padding candidate"},
		{"example_column.", Value{F32, Shape{"B"}}, false, false, "", "a data column with one number an example"},
	},
	PoolingProgram: {
		{"hidden", Value{F32, Shape{"P", "H"}}, true, false, "", "hidden states of every stored token after the last norm"},
		{"token", Value{I64, Shape{"M"}}, false, false, "", "the sequences' tokens in order, as indices into hidden"},
		{"sequence", Value{I64, Shape{"M"}}, false, false, "", "the sequence that each token belongs to, in rising order"},
		{"ids", Value{I64, Shape{"M"}}, false, false, "", "the token ids"},
		{"eos_token_id", Value{I64, Shape{}}, false, false, "", "the id of the end token, -1 where there is none"},
	},
}

// dims lists the dimensions that every program of a kind can name.
var dims = map[ProgramKind][]Dim{
	LossProgram:    {"B", "K", "T"},
	PoolingProgram: {"P", "H", "M", "N"},
}

// Inputs returns what a program of the kind may ask for.
func Inputs(kind ProgramKind) []Input { return append([]Input(nil), inputs[kind]...) }

// Dims returns the names of dimensions that every program of the kind can use: for
// a loss B prompts, K candidates, T label tokens: a row's learned tokens in their
// order, of which several spans may stand in one row; for a pooling P stored
// tokens, H hidden, M tokens of all sequences, N sequences. Inputs may add more.
func Dims(kind ProgramKind) []Dim { return append([]Dim(nil), dims[kind]...) }

// FindInput returns the named input, with its full name. An unknown name is an
// error that lists the known ones.
func FindInput(kind ProgramKind, name string) (Input, error) {
	var known []string
	for _, input := range inputs[kind] {
		open := strings.HasSuffix(input.Name, ".")
		if name == input.Name && !open {
			return input, nil
		}
		if rest := strings.TrimPrefix(name, input.Name); open && rest != name {
			if whole, fits := input.complete(rest); fits {
				return whole, nil
			}
		}
		if open {
			known = append(known, input.Name+"NAME")
			continue
		}
		known = append(known, input.Name)
	}
	return Input{}, errors.New("no input is called " + quoted(name) + "; a " + string(kind) + " has " + strings.Join(known, ", "))
}

// complete returns the input with the rest of its name, which also completes
// the dimensions that depend on it; false if the rest is not a valid name.
func (i Input) complete(rest string) (Input, bool) {
	shape := append(Shape(nil), i.Value.Shape...)
	for at, d := range shape {
		if strings.HasSuffix(string(d), "_") {
			shape[at] = d + Dim(rest)
			if !isName(string(shape[at])) {
				return i, false
			}
		}
	}
	i.Name = i.Name + rest
	i.Value.Shape = shape
	return i, isColumn(rest)
}

// CheckDims returns an error if a shape uses a dimension that neither the
// program's kind nor one of its inputs defines.
func CheckDims(kind ProgramKind, brought []Dim, shape Shape) error {
	known := Dims(kind)
	for _, d := range brought {
		if !hasDim(known, d) {
			known = append(known, d)
		}
	}
	for _, d := range shape {
		for _, name := range d.Names() {
			if !hasDim(known, Dim(name)) {
				return errors.New("no dimension is called " + name + "; a " + string(kind) + " has " + strings.Trim(Shape(known).String(), "[]"))
			}
		}
	}
	return nil
}

func hasDim(known []Dim, d Dim) bool {
	for _, have := range known {
		if have == d {
			return true
		}
	}
	return false
}

// isColumn accepts letters, digits, underscores and dots.
func isColumn(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && c != '_' && c != '.' && c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
