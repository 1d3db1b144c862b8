package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/jsonerror"
)

// modelTypes are the models that the core knows.
var modelTypes = []string{"BPE", "Unigram", "WordLevel", "WordPiece"}

// explain turns the core's refusal of file, the bytes of the tokenizer.json at
// path, into an error that says where to look: the core's own words for a
// wrong file are seldom more than "did not match any variant".
func explain(path string, file []byte, cause error) error {
	var content struct {
		Model *struct {
			Type *string `json:"type"`
		} `json:"model"`
	}
	if err := json.Unmarshal(file, &content); err != nil {
		return malformed(path, file, err)
	}
	switch model := content.Model; {
	case model == nil:
		return fmt.Errorf("%s: has no \"model\"; want a tokenizer.json as Hugging Face's tokenizers writes it", path)
	case model.Type != nil && !slices.Contains(modelTypes, *model.Type):
		return fmt.Errorf(
			"%s: model type %q is unknown; want one of %s",
			path,
			*model.Type,
			strings.Join(modelTypes, ", "),
		)
	}
	return fmt.Errorf("%s: %w; want a tokenizer.json as Hugging Face's tokenizers writes it", path, cause)
}

// malformed says where data, the file at path, stops being the JSON it should be.
func malformed(path string, data []byte, err error) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return fmt.Errorf("%s: the file is empty; copy it again", path)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		what := "the file"
		if kind.Field != "" {
			what = strconv.Quote(kind.Field)
		}
		return fmt.Errorf(
			"%s:%s: %s is a JSON %s; want another type; copy the file again",
			path,
			place(data, kind.Offset),
			what,
			kind.Value,
		)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%s:%s: not JSON: %s; copy the file again", path, place(data, syntax.Offset), jsonerror.Syntax(err))
	}
	return fmt.Errorf("%s: %w", path, err)
}

// place is line:column of a byte of data.
func place(data []byte, offset int64) string {
	before := data[:min(int(offset), len(data))]
	return fmt.Sprintf(
		"%d:%d",
		1+bytes.Count(before, []byte("\n")),
		len(before)-(bytes.LastIndexByte(before, '\n')+1),
	)
}
