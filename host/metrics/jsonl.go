// Package metrics keeps what a run measures, in metrics.jsonl and TensorBoard event
// files, and measures calibration. Start at Entry.
package metrics

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// Value is one named number.
type Value struct {
	Name  string
	Value float64
}

// Entry is what was measured after a step: one line of metrics.jsonl.
type Entry struct {
	Step   int     // optimizer steps made
	Epoch  float64 // passes over the data made
	Values []Value // in the order of their keys
}

// Get returns a value of e by name.
func (e Entry) Get(name string) (float64, bool) {
	for _, v := range e.Values {
		if v.Name == name {
			return v.Value, true
		}
	}
	return 0, false
}

// JSONL appends entries to a file, one JSON object a line: step, epoch, then
// the values in their order. A value that is not finite is a string: "NaN",
// "Infinity" or "-Infinity".
type JSONL struct {
	file   *os.File
	offset int64
}

// OpenJSONL opens the file at path and truncates it to offset bytes, an Offset of
// the run that is resumed, or 0 for a new run. A file shorter than that is an
// error.
func OpenJSONL(path string, offset int64) (*JSONL, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	j := &JSONL{file: file, offset: offset}
	if err := j.cut(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return j, nil
}

func (j *JSONL) cut() error {
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < j.offset {
		return fmt.Errorf(
			"has %d bytes, but had %d when the checkpoint was saved; put the old file back, or resume in a copy of the folder",
			info.Size(),
			j.offset,
		)
	}
	if err := j.file.Truncate(j.offset); err != nil {
		return err
	}
	_, err = j.file.Seek(j.offset, io.SeekStart)
	return err
}

// Append writes one line.
func (j *JSONL) Append(e Entry) error {
	n, err := j.file.Write(e.appendJSON(nil))
	j.offset += int64(n)
	return err
}

// Offset is the length of the file in bytes, for a checkpoint.
func (j *JSONL) Offset() int64 { return j.offset }

// Sync makes all lines durable; a checkpoint calls it before it relies on Offset.
func (j *JSONL) Sync() error { return j.file.Sync() }

// Close closes the file.
func (j *JSONL) Close() error { return j.file.Close() }

func (e Entry) appendJSON(line []byte) []byte {
	line = append(line, `{"step":`...)
	line = strconv.AppendInt(line, int64(e.Step), 10)
	line = append(line, `,"epoch":`...)
	line = appendNumber(line, e.Epoch)
	for _, v := range e.Values {
		name, _ := json.Marshal(v.Name) // a string always encodes
		line = append(append(append(line, ','), name...), ':')
		line = appendNumber(line, v.Value)
	}
	return append(line, "}\n"...)
}

func appendNumber(line []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return append(line, `"NaN"`...)
	case math.IsInf(x, 1):
		return append(line, `"Infinity"`...)
	case math.IsInf(x, -1):
		return append(line, `"-Infinity"`...)
	}
	return strconv.AppendFloat(line, x, 'g', -1, 64)
}

// ReadJSONL reads the entries back. A last line without its end, which a crash
// can leave, is skipped.
func ReadJSONL(path string) ([]Entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var entries []Entry
	lines := bufio.NewReader(file)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		e, err := parseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w; put the old file back", path, number, err)
		}
		entries = append(entries, e)
	}
}

// parseEntry reads one line with its keys in their order.
func parseEntry(line []byte) (Entry, error) {
	var e Entry
	dec := json.NewDecoder(bytes.NewReader(line))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return e, errors.New("is not a JSON object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return e, fmt.Errorf("is not a JSON object: %w", err)
		}
		token, err := dec.Token()
		if err != nil {
			return e, fmt.Errorf("is not a JSON object: %w", err)
		}
		x, err := toNumber(token)
		if err != nil {
			return e, fmt.Errorf("%q %w", key, err)
		}
		switch key {
		case "step":
			e.Step = int(x)
		case "epoch":
			e.Epoch = x
		default:
			e.Values = append(e.Values, Value{key.(string), x})
		}
	}
	if _, err := dec.Token(); err != nil {
		return e, fmt.Errorf("is not a JSON object: %w", err)
	}
	return e, nil
}

func toNumber(token json.Token) (float64, error) {
	switch token {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if x, ok := token.(float64); ok {
		return x, nil
	}
	return 0, fmt.Errorf("is %v; want a number", token)
}

// IsAccuracy tells whether a metric is a share of right answers.
func IsAccuracy(name string) bool {
	return strings.Contains(name, "accuracy") || strings.Contains(name, "accuracies") // the latter over pairs, as "rewards/accuracies"
}
