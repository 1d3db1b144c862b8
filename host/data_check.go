package host

import (
	"context"
	"slices"
	"strings"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/data/inspect"
	"llmhost/host/task"
)

// DataCheckOptions are what llmhost data check is told besides the settings of a run.
type DataCheckOptions struct {
	Near        float64  // how alike near duplicates are, 0 to 1; 0 does not look for them
	Kept        int      // findings of each check that the report has; all are counted
	Allow, Skip []string // names of checks
}

// CheckData looks for what is wrong with the data of a run, with the run's own
// formatter and tokenizer where the settings name a task and a model, and reads no
// weights. Records that a run would end at are findings.
func CheckData(ctx context.Context, s config.Settings, env Env, o DataCheckOptions) (*inspect.Report, error) {
	r, err := openReading(ctx, s, env, console.New(env.Lines, nil))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	parts, err := r.parts()
	if err != nil {
		return nil, err
	}
	options, err := r.inspection(o)
	if err != nil {
		return nil, err
	}
	in, err := inspect.New(options)
	if err != nil {
		return nil, err
	}
	for _, note := range r.notes {
		in.Note("%s", note)
	}
	r.noteSets(in)
	isHeld, err := r.heldOut(ctx, parts)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if err := r.checkPart(ctx, in, p, sideOf{isHeld, false}); err != nil {
			return nil, err
		}
	}
	for _, p := range parts { // once all is known that is trained on
		if isHeld == nil || p.eval {
			continue
		}
		if err := r.checkPart(ctx, in, p, sideOf{isHeld, true}); err != nil {
			return nil, err
		}
	}
	if err := r.noteChats(in); err != nil {
		return nil, err
	}
	return in.Report(), nil
}

// noteSets says what each training set was taken for, where there are several, and which
// of its fields nobody reads.
func (r *reading) noteSets(in *inspect.Inspector) {
	if r.task == nil {
		return
	}
	if len(r.task.Sets) > 1 {
		for _, line := range formatLines(r.task) {
			in.Note("%s", line)
		}
	} else if unread := r.task.Format.Unread; len(unread) > 0 {
		in.Note("fields not read: %s", strings.Join(unread, ", "))
	}
}

// heldOut tells by the hash of a record's content whether eval_split holds it out; nil
// where there is no such split, or no formatter that makes the content.
func (r *reading) heldOut(ctx context.Context, parts []part) (func(uint64) bool, error) {
	if r.settings.EvalSplit == 0 || r.formatter == nil {
		return nil, nil
	}
	split := splitOf(r.settings)
	var hashes []uint64
	for _, p := range parts {
		if split.Count == 0 || p.eval {
			continue
		}
		some, err := data.Hashes(ctx, p.files, p.set.DataFormatter())
		if ctx.Err() != nil {
			return nil, err
		}
		hashes = append(hashes, some...) // where a file cannot be read further is a finding
	}
	return split.Holds(hashes), nil
}

// sideOf is one side of eval_split: what it holds out, or all else.
type sideOf struct {
	isHeld func(hash uint64) bool // nil where it holds out none
	held   bool
}

// checkPart looks at one side of the files of a part.
func (r *reading) checkPart(ctx context.Context, in *inspect.Inspector, p part, side sideOf) error {
	paths, err := p.files.List()
	if err != nil {
		return err
	}
	left := p.files.Total
	for _, path := range paths {
		one := p
		one.files.Paths = []string{path}
		if one.files.Total = left; p.files.Total > 0 && left == 0 {
			break
		}
		if p.eval && r.task != nil {
			if one.set, err = r.task.ForEvaluation(ctx, r.settings, path, firstOf(r.settings, one.files)); err != nil {
				in.Note("%v", err)
				one.set = r.task
			}
			one.columns = one.set.Entry.Columns
		}
		c := checking{reading: r.of(one), in: in, eval: p.eval, files: one.files, set: r.setNumber(one)}
		if one.set != nil {
			c.reads = readsOf(one.set)
		}
		if !p.eval {
			c.side = side
			c.eval = side.held
		}
		if err := c.file(ctx, path); err != nil {
			return err
		}
		left = max(0, left-c.count)
	}
	return nil
}

// setNumber is that of the data set by which a part is read, from 0. Evaluation files of
// a kind of their own come after the training sets.
func (r *reading) setNumber(p part) int {
	if r.task == nil || p.set == nil {
		return p.number
	}
	if n := slices.Index(r.task.Sets, p.set); n >= 0 {
		return n
	}
	return len(r.task.Sets)
}

// noteChats says how chats were laid out.
func (r *reading) noteChats(in *inspect.Inspector) error {
	if r.chats == nil || !r.chats.any() {
		return nil
	}
	lines, err := r.chats.report()
	for _, line := range lines {
		in.Note("%s", strings.TrimSpace(line))
	}
	return err
}

// inspection are the options of the inspector.
func (r *reading) inspection(o DataCheckOptions) (out inspect.Options, err error) {
	out = inspect.Options{
		Near:      o.Near,
		MaxLength: r.settings.MaxLength,
		Left:      r.settings.TruncationSide == "left",
		Learns:    r.learns && !r.how.Encoder,
		Kept:      o.Kept,
		Allow:     o.Allow,
		Skip:      o.Skip,
		Tokens:    r.tok != nil,
	}
	if r.task != nil {
		out.Reads = readsOf(r.task)
	}
	if r.tok != nil {
		special := r.tok.Special()
		out.Special = inspect.Special{
			BOS:     int64(special.BOS),
			EOS:     int64(special.EOS),
			Unknown: int64(special.UNK),
			Begins:  len(r.how.Before) > 0 && r.how.Before[0] == special.BOS,
			Ends:    len(r.how.After) > 0 && r.how.After[len(r.how.After)-1] == special.EOS,
		}
	}
	if r.chats != nil && r.chats.missing == nil {
		out.Changing, err = r.chats.template.Changing()
	}
	return out, err
}

// readsOf are the fields that a data set's formatter reads, under its names and the files'.
func readsOf(set *task.Task) []string {
	reads := []string{}
	for _, c := range set.DataFormatter().Columns {
		reads = append(reads, c.Name)
	}
	for name := range set.Entry.Columns { // records are looked at under the formatter's names
		reads = append(reads, name)
	}
	return reads
}
