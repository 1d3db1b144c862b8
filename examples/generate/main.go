// Command generate makes the data of the task examples: small questions about
// animals, answered well and badly, and short judgements of everyday things. It
// writes train.jsonl and eval.jsonl into a folder for each task, below the folder
// that it is run in:
//
//	cd examples && go run ./generate
//
// One split serves all tasks: what a file named eval.jsonl asks is in no
// file named train.jsonl, so that a run that starts from another run's model is
// measured on questions that neither has seen. Only their wording is new, not
// their facts: each animal's sound is taught, but not in this form under this name.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	for name, content := range files() {
		if err := write(name, content); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}
