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

// Input is something that the host can hand to a program. Asking for it is
// what makes the host compute it.
type Input struct {
	Name      string // a name, or a prefix ending in a dot that the program completes
	Value     Value
	FromModel bool // computed by the model, so gradients flow into it and no count may read it
	Doc       string
}

// inputs lists what a program of each kind may ask for.
var inputs = map[ProgramKind][]Input{
	LossProgram: {
		{"policy.logps", Value{F32, Shape{"B", "K", "T"}}, true, "log-probability of each label token, 0 where there is no label"},
		{"label_mask", Value{Bool, Shape{"B", "K", "T"}}, false, "true where there is a label token"},
		{"candidate_mask", Value{Bool, Shape{"B", "K"}}, false, "false for a candidate that only fills up its row"},
		{"column.", Value{F32, Shape{"B", "K"}}, false, "a data column with one number a candidate, 0 where the candidate is not real"},
		{"example_column.", Value{F32, Shape{"B"}}, false, "a data column with one number an example"},
	},
	PoolingProgram: {
		{"hidden", Value{F32, Shape{"P", "H"}}, true, "hidden states of every stored token after the last norm"},
		{"token", Value{I64, Shape{"M"}}, false, "the row's tokens in order, as indices into hidden"},
		{"row", Value{I64, Shape{"M"}}, false, "the row that each token belongs to, in rising order"},
		{"ids", Value{I64, Shape{"M"}}, false, "the token ids"},
		{"eos_token_id", Value{I64, Shape{}}, false, "the id of the end token, -1 where there is none"},
	},
}

// dims lists the dimensions that a program of each kind can name.
var dims = map[ProgramKind][]Dim{
	LossProgram:    {"B", "K", "T"},
	PoolingProgram: {"P", "H", "M", "N"},
}

// Inputs returns what a program of the kind may ask for.
func Inputs(kind ProgramKind) []Input { return append([]Input(nil), inputs[kind]...) }

// Dims returns the names of dimensions that a program of the kind can use: for
// a loss B prompts, K candidates, T label positions; for a pooling P stored
// tokens, H hidden, M tokens of all rows, N rows.
func Dims(kind ProgramKind) []Dim { return append([]Dim(nil), dims[kind]...) }

// FindInput returns the named input, with its full name. An unknown name is an
// error that lists the known ones.
func FindInput(kind ProgramKind, name string) (Input, error) {
	var known []string
	for _, input := range inputs[kind] {
		open := strings.HasSuffix(input.Name, ".")
		if column := strings.TrimPrefix(name, input.Name); name == input.Name && !open || open && column != name && isColumn(column) {
			input.Name = name
			return input, nil
		}
		if open {
			known = append(known, input.Name+"NAME")
			continue
		}
		known = append(known, input.Name)
	}
	return Input{}, errors.New("no input is called " + quoted(name) + "; a " + string(kind) + " has " + strings.Join(known, ", "))
}

// CheckDims is an error where a shape uses a dimension that the kind lacks.
func CheckDims(kind ProgramKind, shape Shape) error {
	for _, d := range shape {
		for _, name := range d.Names() {
			known := ""
			for _, have := range dims[kind] {
				if string(have) == name {
					known = name
				}
			}
			if known == "" {
				return errors.New("no dimension is called " + name + "; a " + string(kind) + " has " + listDims(kind))
			}
		}
	}
	return nil
}

func listDims(kind ProgramKind) string {
	names := make([]string, len(dims[kind]))
	for i, d := range dims[kind] {
		names[i] = string(d)
	}
	return strings.Join(names, ", ")
}

// isColumn accepts letters, digits, lines and dots.
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
