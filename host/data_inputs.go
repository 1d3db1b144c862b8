package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/data/record"
	"llmhost/host/data/source"
	"llmhost/host/lm"
	"llmhost/host/model"
	"llmhost/host/rundir"
	"llmhost/host/task"
	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// reading is what a verb that looks at data stands on: what a run would read the
// same files with, as far as the settings name it, and no weights.
type reading struct {
	settings  config.Settings
	task      *task.Task           // nil where none is named
	tok       *tokenizer.Tokenizer // nil where neither tokenizer nor model is named
	formatter *data.Formatter      // nil without a task
	how       data.Tokenizing      // with a tokenizer
	chats     *chats               // likewise
	learns    bool                 // the loss learns tokens
	notes     []string
}

// openReading opens task and tokenizer of the settings. The caller closes it.
func openReading(ctx context.Context, s config.Settings, env Env, out *console.Console) (r *reading, err error) {
	r = &reading{settings: s, learns: true}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	if s.Task != "" {
		if err := r.openTask(ctx, env, out); err != nil {
			return r, err
		}
	}
	if err := lm.CheckFolders(s.ModelSettings, s.AdapterSettings); err != nil {
		return r, err
	}
	src := lm.SourceOf(s.ModelSettings, s.AdapterSettings, "")
	if src.Tokenizer == "" {
		return r, nil
	}
	if s.Task == "" && env.TaskFor != nil {
		r.guessTask(ctx, env, out)
	}
	if r.tok, err = src.OpenTokenizer(s.TokenSettings); err != nil {
		return r, err
	}
	return r, r.settleTokens()
}

// openTask opens the task of the settings and its formatter.
func (r *reading) openTask(ctx context.Context, env Env, out *console.Console) (err error) {
	if r.task, r.settings, err = openTask(ctx, r.settings, rundir.Start{}, env, out); err != nil {
		return err
	}
	f := r.task.DataFormatter()
	r.formatter = &f
	r.learns = r.task.Program.Needs().LM
	return nil
}

// guessTask opens the task that the first record is most likely meant for: without a
// formatter only simple records have tokens. Where it does not open, there is none.
func (r *reading) guessTask(ctx context.Context, env Env, out *console.Console) {
	parts, err := r.parts()
	if err != nil {
		return
	}
	for from, err := range parts[0].files.Records() {
		if err != nil {
			return
		}
		fields, err := record.Read(from)
		if err != nil {
			return
		}
		without := r.settings
		guessed := env.TaskFor(record.Look(fields))
		r.settings.Task = guessed
		err = r.openTask(ctx, env, out)
		if err == nil {
			err = r.reads(ctx, from)
		}
		if err != nil {
			if r.task != nil {
				r.task.CloseFormatters()
				r.task.Close()
			}
			r.task, r.formatter, r.settings, r.learns = nil, nil, without, true
			why, _, _ := strings.Cut(err.Error(), "; no other builtin formatter") // and why each of them does not
			r.notes = append(r.notes, fmt.Sprintf("no task is named, so that records are read by the names of their fields; task %s does not read the first: %s", guessed, why))
			return
		}
		var names []string
		for _, set := range r.task.Sets {
			names = append(names, set.Formatter.Name)
		}
		r.notes = append(r.notes, fmt.Sprintf("no task is named; the records are read as task %s would, with formatter %s", r.settings.Task, strings.Join(slices.Compact(names), ", ")))
		return
	}
}

// reads is the error with which the formatter refuses a record.
func (r *reading) reads(ctx context.Context, from source.Record) error {
	row, err := from.Row(r.formatter.Name, r.formatter.Columns)
	if err != nil {
		return err
	}
	results, err := r.formatter.Format(ctx, []sdk.Row{row})
	if err == nil && len(results) == 1 && results[0].Err != "" {
		err = fmt.Errorf("%s: %s", from.Position(), results[0].Err)
	}
	return err
}

// settleTokens settles how texts become tokens. Nothing is cut: whoever looks at
// the tokens wants to see what would be.
func (r *reading) settleTokens() error {
	encoder, err := readsPairs(r.settings.Model)
	if err != nil {
		return err
	}
	around, err := r.around(encoder)
	if err != nil {
		return err
	}
	r.notes = append(r.notes, around.notes...)
	if r.chats, err = openChats(r.settings, r.tok, r.learns); err != nil {
		return err
	}
	if r.task != nil {
		for _, set := range r.task.Sets {
			r.notes = append(r.notes, markupNotes(set, r.tok, r.chats)...)
		}
	}
	r.how = data.Tokenizing{
		MaxLength:         math.MaxInt32,
		TruncationSide:    data.Side(r.settings.TruncationSide),
		OnlyPredictAnswer: r.settings.OnlyPredictAnswer,
		Before:            around.before,
		After:             around.after,
		Encoder:           encoder,
		IsControl:         r.tok.IsControl,
		Chats:             r.chats,
	}
	return nil
}

// around is what a run puts around texts; without a task what one that learns answers does.
func (r *reading) around(encoder bool) (layout, error) {
	if r.task != nil {
		return layoutOf(r.settings.TokenSettings, r.task, r.tok, encoder)
	}
	return layoutFor(r.settings.TokenSettings, true, r.tok, encoder)
}

// readsPairs tells whether the model in a folder, which may have none, is an encoder.
func readsPairs(folder string) (bool, error) {
	if _, err := os.Stat(filepath.Join(folder, "config.json")); folder == "" || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	config, err := model.ReadConfig(folder)
	return model.IsEncoder(config.ModelType), err
}

// Close closes what is open of it.
func (r *reading) Close() {
	if r.tok != nil {
		r.tok.Close()
	}
	if r.task != nil {
		r.task.CloseFormatters()
		r.task.Close()
	}
}

// part is the files of a training set, or the evaluation files.
type part struct {
	files   source.Files
	eval    bool
	columns map[string]string // the files' names of fields
	number  int               // of the entry
	set     *task.Task        // that reads them; nil without a task, and for evaluation files
}

// parts are the files that the settings name, those of training first. Where there are
// evaluation files alone, there is no other part.
func (r *reading) parts() (parts []part, err error) {
	s := r.settings
	s.MaxTrainSamples = 0 // all that is there is looked at
	entries := s.Entries()
	var sets []*task.Task
	if r.task != nil {
		sets = r.task.Sets
		entries = nil
		for _, set := range sets {
			entries = append(entries, set.Entry)
		}
	}
	for i, e := range entries {
		p := part{files: entryFiles(s, e), columns: e.Columns, number: i}
		if sets != nil {
			p.set = sets[i]
		}
		parts = append(parts, p)
	}
	parts = append(parts, part{files: dataFiles(s, "eval_", s.EvalDataDir, s.EvalDataPaths), eval: true, columns: s.Columns})
	parts = slices.DeleteFunc(parts, func(p part) bool { return len(p.files.Paths) == 0 })
	if len(parts) == 0 {
		return nil, fmt.Errorf("no data file is named; give files, or data_paths")
	}
	return parts, nil
}

// trainParts are the parts that are trained on; evaluation files where there are none.
func (r *reading) trainParts() ([]part, error) {
	parts, err := r.parts()
	if err != nil || parts[0].eval {
		return parts, err
	}
	return slices.DeleteFunc(parts, func(p part) bool { return p.eval }), nil
}

// of is the reading of one part, by its own formatter and names of fields.
func (r *reading) of(p part) *reading {
	one := *r
	one.settings.Columns = p.columns
	if p.set != nil {
		f := p.set.DataFormatter()
		one.task, one.formatter = p.set, &f
	}
	return &one
}
