package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/tokenizer"
	"llmhost/host/train"
)

// dataset is the data of a run, tokenised.
type dataset struct {
	train       data.Tokenized
	eval        []train.EvalSet
	files, held []SourceRecord
	digest      string   // over the training files, in order
	report      []string // what was read, dropped and cut, a line each
}

// debugRecords is how many records of each file debug_mode takes.
const debugRecords = 100

// loadData reads, formats and tokenises the data of a run; after it the task's
// formatter is closed.
func loadData(ctx context.Context, s config.Settings, t *task, tok *tokenizer.Tokenizer) (d dataset, err error) {
	defer t.formatting.Close()
	paths, setting := s.DataPaths, "data_paths"
	if s.DataDir != "" {
		paths, setting = []string{s.DataDir}, "data_dir"
	}
	config, err := model.ReadConfig(s.Model)
	if err != nil {
		return d, err
	}
	l := dataLoader{settings: s, task: t, tokenizer: tok, encoder: model.IsEncoder(config.ModelType), dataset: &d}
	if l.encoder && train.NeedsOf(t.program).LM {
		return d, fmt.Errorf("task %s reads log-probabilities of tokens, which %s, a %s, does not give; give a causal model", t.Name, s.Model, config.ModelType)
	}
	files := data.Files{Paths: paths, Setting: setting, Limit: l.limit()}
	if d.train, d.files, err = l.load(ctx, "train", files); err != nil {
		return d, err
	}
	if err := l.loadEval(ctx); err != nil {
		return d, err
	}
	sum := sha256.New()
	for _, f := range d.files {
		sum.Write([]byte(f.SHA256))
	}
	d.digest = hex.EncodeToString(sum.Sum(nil))
	return d, nil
}

// dataLoader reads files into a dataset.
type dataLoader struct {
	settings  config.Settings
	task      *task
	tokenizer *tokenizer.Tokenizer
	encoder   bool // the model reads in both directions, as BERT does
	*dataset
}

func (l dataLoader) load(ctx context.Context, name string, files data.Files) (data.Tokenized, []SourceRecord, error) {
	records, err := digests(files)
	if err != nil {
		return data.Tokenized{}, nil, err
	}
	examples, err := data.Load(ctx, files, l.task.formatter(), data.FailOnBadRow)
	if err != nil {
		return data.Tokenized{}, nil, err
	}
	special := l.tokenizer.Special()
	how := data.Tokenizing{MaxLength: l.settings.MaxLength, OnlyPredictAnswer: l.settings.OnlyPredictAnswer,
		AddSpecialTokens: l.settings.AddSpecialTokens, BOS: special.BOS, EOS: special.EOS, PaddingScore: l.task.padding("score")}
	if l.encoder {
		how.BOS, how.EOS, how.Encoder = special.CLS, special.SEP, true
	}
	out, err := data.Tokenize(examples.All, l.tokenizer, how)
	l.describe(name, examples, out)
	return out, records, err
}

// limit is how many records of each file the run takes, 0 for all.
func (l dataLoader) limit() int {
	if l.settings.DebugMode {
		return debugRecords
	}
	return 0
}

func digests(files data.Files) ([]SourceRecord, error) {
	paths, err := files.List()
	if err != nil {
		return nil, err
	}
	records := make([]SourceRecord, len(paths))
	for i, path := range paths {
		digest, _, err := checkpoint.Digest(path)
		if err != nil {
			return nil, err
		}
		records[i] = SourceRecord{Path: path, SHA256: digest}
	}
	return records, nil
}

// describe notes what came of some files.
func (l dataLoader) describe(name string, e data.Examples, t data.Tokenized) {
	line := fmt.Sprintf("%-6s %d records, %d rows, %d tokens", name, e.Records, t.Sequences, t.Tokens)
	if stored := l.stored(t.Examples); stored < t.Tokens {
		line += fmt.Sprintf("; shared prompts save %.0f%%", 100*(1-float64(stored)/float64(t.Tokens)))
	}
	l.report = append(l.report, line)
	for _, d := range e.Drops {
		l.report = append(l.report, fmt.Sprintf("       %d dropped: %s (the first at %s)", d.Count, d.Reason, d.First))
	}
	if t.Truncated > 0 {
		l.report = append(l.report, fmt.Sprintf("       %d rows cut from the left to max_length %d, %d of them into their answer", t.Truncated, l.settings.MaxLength, t.AnswersCut))
	}
}

// stored counts the tokens that batches of examples hold, a shared prefix once.
func (l dataLoader) stored(examples []data.Example) (tokens int) {
	for chunk := range slices.Chunk(examples, 64) {
		batch := data.Pack(chunk, l.settings.SharePrefix && !l.encoder)
		tokens += len(batch.IDs)
	}
	return tokens
}

// loadEval makes the evaluation sets, each file apart, all together, or both.
func (l dataLoader) loadEval(ctx context.Context) error {
	paths, setting := l.settings.EvalDataPaths, "eval_data_paths"
	if l.settings.EvalDataDir != "" {
		paths, setting = []string{l.settings.EvalDataDir}, "eval_data_dir"
	}
	if len(paths) == 0 {
		return nil
	}
	files, err := data.Files{Paths: paths, Setting: setting}.List()
	if err != nil {
		return err
	}
	var all []data.Example
	names := setNames(files)
	for i, file := range files {
		set, records, err := l.load(ctx, "eval", data.Files{Paths: []string{file}, Setting: setting, Limit: l.limit()})
		if err != nil {
			return err
		}
		l.held = append(l.held, records...)
		all = append(all, set.Examples...)
		if l.settings.EvalDatasetMergeMode != "merge" {
			l.eval = append(l.eval, train.EvalSet{Prefix: "eval_" + names[i] + "_", Examples: set.Examples})
		}
	}
	switch {
	case len(files) == 1 || l.settings.EvalDatasetMergeMode == "merge":
		l.eval = []train.EvalSet{{Prefix: "eval_", Examples: all}}
	case l.settings.EvalDatasetMergeMode == "both":
		l.eval = append(l.eval, train.EvalSet{Prefix: "eval_all_", Examples: all})
	}
	return nil
}

// setNames names an evaluation set after each file, and no two alike: not even
// as the set of all files is.
func setNames(files []string) []string {
	var names []string
	for _, file := range files {
		name := stem(file)
		for n := 2; name == "all" || slices.Contains(names, name); n++ {
			name = fmt.Sprintf("%s_%d", stem(file), n)
		}
		names = append(names, name)
	}
	return names
}

// stem is a file's name without folder and ending.
func stem(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}
