// Command generate makes the data of the first run: questions that a small
// model can learn to answer, rightly and kindly, in a minute. It writes the
// data files of examples/quickstart into the folder that it is run in:
//
//	cd examples/quickstart && go run ./generate
//
// A prompt asks one of 36 small facts in one of three ways, under one of
// twelve names. No two of the four files share a prompt: what is held out is
// a question that was never seen in just this form, about a fact that was.
// The fine-tuning files answer as people do, kindly, curtly or not at all; the
// preference files say which answer is the best, so that what they teach on
// top is to be right and kind.
package main

import (
	"fmt"
	"os"
)

func main() {
	for name, content := range files() {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
