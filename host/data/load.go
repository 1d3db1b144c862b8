// Package data turns data files into batches: records become rows of declared
// cells, a formatter turns rows into texts, a tokenizer texts into sequences, and
// Pack lays sequences out for a model. It computes nothing on a device. Start
// at Load, which runs from files to a Set, and at Pack; Batches hands out what
// a run trains on.
package data

import (
	"context"

	"llmhost/host/data/source"
)

// Options say how files become a Set.
type Options struct {
	Formatter   Formatter
	OnBadRow    OnBadRow
	Tokenizer   Tokenizer
	Tokenizing  Tokenizing
	SharePrefix bool // batches hold once what candidates of a causal model share
	Limits      Limits
	Cache       SurveyCache
}

// Set is the tokenised content of some files.
type Set struct {
	Examples Examples // in file order
	Survey   Survey
	Files    []source.File
}

// Load reads, formats, tokenises and surveys files. It is an error if no example
// is left. When ctx ends its error is returned.
func Load(ctx context.Context, files source.Files, o Options) (Set, error) {
	listed, err := files.Digests()
	if err != nil {
		return Set{}, err
	}
	texts, err := Format(ctx, files, o.Formatter, o.OnBadRow)
	if err != nil {
		return Set{}, err
	}
	examples, err := Tokenize(texts.All, o.Tokenizer, o.Tokenizing)
	if err != nil {
		return Set{}, err
	}
	examples, drops := o.Tokenizing.keep(examples)
	texts.Drops = joinDrops(texts.Drops, drops)
	if len(examples) == 0 {
		return Set{}, texts.noneLeft(files)
	}
	key := o.surveyKey(listed, files)
	survey := o.Cache.survey(key.digest(), func() Survey {
		s := TakeSurvey(examples, key.SharePrefix, o.Limits)
		s.Records = texts.Records
		s.Drops = texts.Drops
		return s
	})
	return Set{Examples: InMemory(examples), Survey: survey, Files: listed}, nil
}

// surveyKey is what the survey of these files depends on.
func (o Options) surveyKey(listed []source.File, files source.Files) surveyKey {
	return surveyKey{
		Version:     surveyVersion,
		Files:       listed,
		Limit:       files.Limit,
		Total:       files.Total,
		Key:         o.Cache.Key,
		OnBadRow:    o.OnBadRow,
		Tokenizing:  o.Tokenizing,
		SharePrefix: o.SharePrefix && !o.Tokenizing.Encoder,
		Limits:      o.Limits,
	}
}

// Join returns the set of all examples of sets, in their order.
func Join(sets ...Set) Set {
	var all Set
	var examples joined
	for _, s := range sets {
		examples = append(examples, s.Examples)
		all.Survey = all.Survey.Join(s.Survey)
		all.Files = append(all.Files, s.Files...)
	}
	all.Examples = examples
	return all
}
