package safetensors

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of Error, for errors.Is.
var (
	ErrTruncated = errors.New("file is cut off")
	ErrHeader    = errors.New("header is damaged")
	ErrMissing   = errors.New("tensor is missing")
	ErrShape     = errors.New("tensor has another shape")
	ErrDType     = errors.New("tensor has another dtype")
)

// Error says what is wrong with a file or one tensor of it.
type Error struct {
	Path   string // the file, or the folder of a sharded model
	Tensor string // "" where no single tensor is at fault
	Kind   error  // one of the Err values above
	Text   string // wanted, found, fix
}

// Error names the file, the tensor if it is about one, and what is wrong.
func (e *Error) Error() string {
	if e.Tensor == "" {
		return e.Path + ": " + e.Text
	}
	return fmt.Sprintf("%s: tensor %q %s", e.Path, e.Tensor, e.Text)
}

// Unwrap returns Kind, for errors.Is.
func (e *Error) Unwrap() error { return e.Kind }

// fileError is an Error about the file as a whole.
func fileError(path string, kind error, format string, args ...any) *Error {
	return &Error{Path: path, Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// tensorError is an Error whose text follows the tensor's name.
func tensorError(path, name string, kind error, format string, args ...any) *Error {
	return &Error{
		Path:   path,
		Tensor: name,
		Kind:   kind,
		Text:   fmt.Sprintf(format, args...),
	}
}

// ShapeText writes a shape as [2, 3].
func ShapeText(shape []int64) string {
	return strings.Join(strings.Fields(fmt.Sprint(shape)), ", ")
}
