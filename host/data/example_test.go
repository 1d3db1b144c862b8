package data_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"llmhost/builtin/promptanswer"
	"llmhost/host/data"
	"llmhost/host/data/source"
)

// Two candidates of one prompt: the batch holds the prompt's tokens once.
func ExamplePack() {
	const none = data.Ignore
	batch := data.Pack([]data.Example{{
		Sequences: []data.Sequence{
			{IDs: []int64{1, 5, 6, 7, 2}, Labels: []int64{none, none, none, 7, 2}},
			{IDs: []int64{1, 5, 6, 8, 9, 2}, Labels: []int64{none, none, none, 8, 9, 2}},
		},
		Columns: map[string][]float64{"score": {1, 0}},
	}}, true)
	fmt.Println("ids      ", batch.IDs)
	fmt.Println("positions", batch.Positions)
	for _, s := range batch.Segments {
		fmt.Printf("segment   %d tokens from %d, prefix %d\n", s.Len, s.Start, s.Prefix)
	}
	fmt.Println("second   ", batch.SequenceTokens(1))
	fmt.Printf("%d tokens of %d\n", len(batch.IDs), batch.Tokens)
	// Output:
	// ids       [1 5 6 7 2 8 9 2]
	// positions [0 1 2 3 4 3 4 5]
	// segment   3 tokens from 0, prefix -1
	// segment   2 tokens from 3, prefix 0
	// segment   3 tokens from 5, prefix 0
	// second    [0 1 2 5 6 7]
	// 8 tokens of 11
}

// characters is a tokenizer of one token a character.
type characters struct{}

func (characters) EncodeBatch(texts []string, _ bool) ([][]int32, error) {
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		ids[i] = []int32(text)
	}
	return ids, nil
}

// From a file of records to examples and what a run must know of them.
func ExampleLoad() {
	folder, err := os.MkdirTemp("", "data")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	records := `{"prompt": "1+1=", "answer": "2"}
{"prompt": "7*6=", "answer": "42"}
{"prompt": "0/0=", "answer": ""}
`
	path := filepath.Join(folder, "sums.jsonl")
	if err := os.WriteFile(path, []byte(records), 0o666); err != nil {
		panic(err)
	}

	set, err := data.Load(context.Background(), source.Files{Paths: []string{path}}, data.Options{
		Formatter:  inProcess("promptanswer", promptanswer.Default()),
		Tokenizer:  characters{},
		Tokenizing: data.Tokenizing{MaxLength: 16, OnlyPredictAnswer: true},
	})
	if err != nil {
		panic(err)
	}
	s := set.Survey
	fmt.Printf("%d records, %d examples, %d tokens, %d labels\n", s.Records, s.Examples, s.Tokens, s.Labels)
	fmt.Printf("longest %d, median %d\n", s.Longest, s.Quantile(0.5))
	for _, d := range s.Drops {
		fmt.Printf("%d dropped: %s (line %d)\n", d.Count, d.Reason, d.First.Line)
	}
	second, err := set.Examples.At(1)
	if err != nil {
		panic(err)
	}
	fmt.Println(second.Sequences[0].Labels)
	// Output:
	// 3 records, 2 examples, 11 tokens, 3 labels
	// longest 6, median 5
	// 1 dropped: an empty answer (line 3)
	// [-100 -100 -100 -100 52 50]
}

// Micro-batches of two examples, two a step: a step ends with the epoch.
func ExampleStep() {
	examples := make([]data.Example, 5)
	for i := range examples {
		examples[i].Source.Line = i + 1
	}
	batches := data.NewShuffled(data.InMemory(examples), nil, 1)
	for range 3 {
		micro, err := data.Step(batches, 2, 2)
		if err != nil {
			panic(err)
		}
		for _, m := range micro {
			fmt.Print(len(m), " ")
		}
		at := batches.Cursor()
		fmt.Printf("then at epoch %d, %d\n", at.Epoch, at.Next)
	}
	// Output:
	// 2 2 then at epoch 0, 4
	// 1 then at epoch 0, 5
	// 2 2 then at epoch 1, 4
}
