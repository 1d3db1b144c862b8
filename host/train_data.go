package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/rundir"
	"llmhost/host/task"
	"llmhost/host/tokenizer"
)

// dataset is the data of a run, tokenised.
type dataset struct {
	train       data.Set
	eval        []evalSet
	files, held []rundir.SourceRecord
	around      layout                // of the texts
	chats       *chats                // what lays conversations out
	digest      string                // over the training files, in order
	heldOut     *rundir.HeldOutRecord // of the training records; nil without eval_split
	report      []string              // what was read, dropped and cut, a line each
	notes       []string              // what a user should know before the model is read
	surveys     []data.Survey         // of the training files, and of each evaluation file
	heads       []string              // of classes that the loss reads
	answers     bool                  // the loss tells answers from prompts: it reads their tokens or scores them
	shares      bool                  // batches hold shared prefixes once
	invariants  data.Invariants
	limits      nn.Limits // of the model
	batching    batching
	sets        []trainSet
	mixing      *data.Mixing // nil where the sets follow one another
	units       *data.Units  // of the training examples; nil where they are streamed
	optionsOf   func(*task.Task) data.Options
	stream      *stream // nil where all of them are known
	fullness    data.Fullness
}

// all are the training set and each evaluation set.
func (d *dataset) all() []*data.Set {
	sets := []*data.Set{&d.train}
	for i := range d.eval {
		sets = append(sets, &d.eval[i].data)
	}
	return sets
}

// checkSizes checks the loss program against plugin_program_mb at the sizes of the data.
func (d dataset) checkSizes(s config.Settings, t *task.Task) error {
	if err := t.CheckBatch(s.PluginProgramMB, d.survey(s), d.mostExamples()); err != nil {
		return err
	}
	for _, set := range d.eval {
		if err := t.CheckBatch(s.PluginProgramMB, set.data.Survey, s.EvalBatchSize); err != nil {
			return err
		}
	}
	return nil
}

// debugRecords is how many records of each file debug_mode takes.
const debugRecords = 100

// loadData reads, formats and tokenises the data of a run; after it the task's
// formatter is closed.
func loadData(ctx context.Context, s config.Settings, start rundir.Start, t *task.Task, tok *tokenizer.Tokenizer) (d dataset, err error) {
	defer func() {
		if d.stream == nil { // which formats until the run ends
			t.CloseFormatters()
		}
	}()
	config, err := model.ReadConfig(s.Model)
	if err != nil {
		return d, err
	}
	encoder := model.IsEncoder(config.ModelType)
	d.heads = t.Program.Needs().Classes
	d.answers = t.Program.Needs().LM || t.Program.Needs().Score
	if encoder && t.Program.Needs().LM {
		return d, fmt.Errorf(
			"task %s reads log-probabilities of tokens, which %s, a %s, does not give; give a causal model",
			t.Name,
			s.Model,
			config.ModelType,
		)
	}
	if d.around, err = layoutOf(s.TokenSettings, t, tok, encoder); err != nil {
		return d, err
	}
	d.report = []string{d.around.String()}
	d.notes = d.around.notes
	d.shares = s.SharePrefix && s.NoiseAlpha == 0 && !encoder
	if d.batching, err = batchingOf(ctx, s, t); err != nil {
		return d, err
	}
	if d.chats, err = openChats(s, tok, t.Program.Needs().LM); err != nil {
		return d, err
	}
	for _, set := range t.Sets {
		d.noteOnce(markupNotes(set, tok, d.chats)...)
	}
	limits, err := limitsOf(s, tok)
	if err != nil {
		return d, err
	}
	d.limits = limits
	d.invariants = invariantsOf(s, t, d.around, encoder)
	d.invariants.Vocab = limits.Vocab
	d.optionsOf = func(set *task.Task) data.Options { return d.options(s, set, encoder) }
	d.mixing = mixingOf(s, t)
	if err := d.loadTrain(ctx, s, start, t); err != nil {
		return d, err
	}
	if err := d.loadEval(ctx, s, t); err != nil {
		return d, err
	}
	if err := d.reportChats(); err != nil {
		return d, err
	}
	d.noteSpellings()
	if err := d.checkFits(s, limits); err != nil {
		return d, err
	}
	if err := d.checkInvariants(s); err != nil {
		return d, err
	}
	if line := d.countInvariants(); line != "" {
		d.report = append(d.report, line)
	}
	return d, d.group(s)
}

// noteOnce notes what is not noted yet.
func (d *dataset) noteOnce(notes ...string) {
	for _, note := range notes {
		if !slices.Contains(d.notes, note) {
			d.notes = append(d.notes, note)
		}
	}
}

// options say how the files of a data set become sequences.
func (d *dataset) options(s config.Settings, set *task.Task, encoder bool) data.Options {
	o := data.Options{
		Formatter: set.DataFormatter(),
		OnBadRow:  data.FailOnBadRow,
		Tokenizer: d.around.tokens,
		Tokenizing: data.Tokenizing{
			MaxLength:            s.MaxLength,
			TruncationSide:       data.Side(s.TruncationSide),
			OnlyPredictAnswer:    s.OnlyPredictAnswer,
			Before:               d.around.before,
			After:                d.around.after,
			Encoder:              encoder,
			WantsLabels:          set.Program.Needs().LM,
			DropTruncatedAnswers: s.DropTruncated,
			IsControl:            d.around.tokens.IsControl,
			Padding:              set.Padding(),
			Chats:                d.chats,
		},
		SharePrefix: s.SharePrefix,
		Cache:       dataCache(s.DataSettings, set, d.around.tokens),
		Limits: data.Limits{
			Positions:  d.limits.Positions,
			Types:      d.limits.Types,
			Vocab:      d.limits.Vocab,
			Invariants: d.invariants,
		},
	}
	if d.batching.grouping.Packing == data.PackWrapped {
		o.Tokenizing.MaxLength = math.MaxInt32 // blocks are cut out of whole texts
	}
	o.Cache.Key = append(o.Cache.Key, d.chats.key())
	o.Cache.Note = func(format string, args ...any) { d.notes = append(d.notes, fmt.Sprintf(format, args...)) }
	return o
}

// loadTrain loads the training files, or opens them as streams.
func (d *dataset) loadTrain(ctx context.Context, s config.Settings, start rundir.Start, t *task.Task) (err error) {
	d.sets = trainSets(s, t)
	why, err := d.whyStreamed(s, start)
	switch {
	case err != nil:
		return err
	case why != "":
		return d.openStream(ctx, s, why)
	case s.EvalSplit > 0:
		err = d.loadSplit(ctx, s)
	default:
		err = d.loadSets(ctx, s)
	}
	if err == nil {
		err = d.joinSets()
	}
	if err != nil {
		return err
	}
	d.noteFiles(d.train.Files)
	d.noteLarge(s)
	d.files = sourceRecords(d.train.Files)
	sum := sha256.New()
	for _, f := range d.files {
		sum.Write([]byte(f.SHA256))
	}
	d.digest = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// dataFiles are those of a folder, or, where that is "", of paths. prefix begins
// the names of the settings that give them.
func dataFiles(s config.Settings, prefix, folder string, paths []string) source.Files {
	files := source.Files{Paths: paths, Setting: prefix + "data_paths"}
	if folder != "" {
		files = source.Files{Paths: []string{folder}, Setting: prefix + "data_dir"}
	}
	if s.DebugMode {
		files.Limit = debugRecords
	}
	files.Unreadable = source.Unreadable(s.EncodingErrors)
	return files
}

// sourceRecords are files as run.json lists them.
func sourceRecords(files []source.File) []rundir.SourceRecord {
	var records []rundir.SourceRecord
	for _, f := range files {
		records = append(records, rundir.SourceRecord{Path: f.Path, SHA256: f.SHA256, Bytes: f.Identity.Bytes})
	}
	return records
}

// noteFiles notes what a user should know of some files.
func (d *dataset) noteFiles(files []source.File) {
	for _, f := range files {
		if f.Note != "" {
			d.notes = append(d.notes, f.Note)
		}
	}
}

// describe notes what some files held.
func (d *dataset) describe(name string, set data.Set, how config.TokenSettings) {
	s := set.Survey
	d.surveys = append(d.surveys, s)
	records := fmt.Sprintf("%d records", s.Records)
	if name == "eval" && d.heldOut != nil {
		records = fmt.Sprintf("%d of %d records, held out by eval_split", d.heldOut.Records, d.heldOut.Of)
	}
	line := fmt.Sprintf("%-6s %s, %d sequences, %d tokens", name, records, s.Sequences, s.Tokens)
	if s.PackedTokens < s.Tokens {
		line += fmt.Sprintf("; shared prompts save %.0f%%", 100*(1-float64(s.PackedTokens)/float64(s.Tokens)))
	}
	if set.FromDisk {
		line += "; tokenised by an earlier run"
	}
	d.report = append(d.report, line)
	d.describeClasses(s)
	for _, drop := range s.Drops {
		d.report = append(d.report, fmt.Sprintf(
			"       %d dropped: %s (the first at %s)",
			drop.Count,
			drop.Reason,
			drop.First,
		))
	}
	if s.Truncated > 0 {
		line := fmt.Sprintf(
			"       %s cut from the %s to max_length %d",
			console.Count(s.Truncated, "sequence"),
			how.TruncationSide,
			how.MaxLength,
		)
		if d.answers {
			line += fmt.Sprintf(", %d of them into their answer", s.AnswersCut)
		}
		d.report = append(d.report, line)
	}
	d.report = append(d.report, d.around.count(s)...)
	d.report = append(d.report, d.describeInvariants(s)...)
}
