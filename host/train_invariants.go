package host

import (
	"errors"
	"fmt"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/rundir"
	"llmhost/host/task"
)

// invariantsOf are those of the sequences of a run.
func invariantsOf(s config.Settings, t *task.Task, l layout, encoder bool) data.Invariants {
	special := l.tokens.Special()
	v := data.Invariants{
		Check:  s.Invariants != "off",
		Before: l.before,
		Around: len(l.before) + len(l.after),
		BOS:    special.BOS,
		End:    -1,
		Learns: t.Program.Needs().LM,
	}
	if len(l.before) > 0 {
		v.BOS = l.before[0]
	}
	if v.BOS == special.EOS {
		v.BOS = -1 // one text may end where the next begins
	}
	if len(l.after) > 0 && !encoder {
		v.End = l.after[len(l.after)-1]
	}
	return v
}

// checkInvariants says what sequences of the surveyed files break, as an error where
// that is to end the run.
func (d *dataset) checkInvariants(s config.Settings) (err error) {
	for _, v := range d.surveys {
		for _, b := range v.Broken {
			err = errors.Join(err, d.broken(b))
		}
	}
	if s.Invariants != "error" || err == nil {
		return nil
	}
	return fmt.Errorf("%w\ndata_invariants = \"count\" trains on such records, and counts them", err)
}

// broken is the error about sequences that break an invariant.
func (d *dataset) broken(b data.Broken) error {
	more := ""
	if b.Count > 1 {
		more = fmt.Sprintf(" (and %d more like it)", b.Count-1)
	}
	return fmt.Errorf("%s: %s%s", b.First, d.explain(b), more)
}

// explain says what is wrong with a sequence, and what to do about it.
func (d *dataset) explain(b data.Broken) string {
	l := d.around
	token := fmt.Sprintf("%s (%d)", l.spell([]int32{int32(b.Found)}), b.Found)
	switch b.Invariant {
	case data.NotEmpty:
		return fmt.Sprintf("the sequence has %s, and none of them is text; leave the record out, or let the formatter drop it", console.Count(int(b.Found), "token"))
	case data.Learned:
		return fmt.Sprintf("none of the %d tokens is learned, and the loss learns from them; the answer is empty, or all of it is masked", b.Found)
	case data.Begins:
		return fmt.Sprintf("the sequence begins with %s; want %s before it", token, l.spell(l.before))
	case data.BeginsOnce:
		return fmt.Sprintf("the sequence has %s twice in a row; want it once: leave it out of the text or the chat template, or set add_bos_token = false", token)
	case data.Ends:
		return fmt.Sprintf("the last token that is learned is %s; want %s, without which the model does not learn to stop: let the chat template or the formatter end what is learned with it, name the template's own end in additional_special_tokens, or set add_eos_token = false", token, l.ending())
	case data.LabelsAreID:
		return fmt.Sprintf("a label is %s, and the token at its place another; a label is its token, or none", token)
	}
	return fmt.Sprintf("the token %d is not in the vocabulary; give the tokenizer that the model was trained with", b.Found)
}

// ending names what ends the text that is learned.
func (l layout) ending() string {
	if eos := l.tokens.Special().EOS; len(l.after) == 0 && eos >= 0 {
		return l.spell(ids(eos))
	}
	return l.spell(l.after)
}

// countInvariants is the line with the counts of all files; "" where nobody looks.
func (d *dataset) countInvariants() string {
	if !d.invariants.Check {
		return ""
	}
	sequences, broken := 0, map[data.Invariant]int{}
	for _, v := range d.surveys {
		sequences += v.Sequences
		for _, b := range v.Broken {
			broken[b.Invariant] += b.Count
		}
	}
	return fmt.Sprintf(
		"check  %s: %d empty, %d with nothing to learn, %d with a wrong begin, %d with a wrong end, %d with wrong ids or labels",
		console.Count(sequences, "sequence"),
		broken[data.NotEmpty],
		broken[data.Learned],
		broken[data.Begins]+broken[data.BeginsOnce],
		broken[data.Ends],
		broken[data.IDsInVocab]+broken[data.LabelsAreID],
	)
}

// describeInvariants says how many sequences of some files break an invariant.
func (d *dataset) describeInvariants(v data.Survey) (lines []string) {
	for _, b := range v.Broken {
		lines = append(lines, fmt.Sprintf("       %d of %s: %s (the first at %s)", b.Count, console.Count(v.Sequences, "sequence"), d.explain(b), b.First))
	}
	return lines
}

// invariantsRecord is what run.json holds about them.
func (d *dataset) invariantsRecord(s config.Settings) *rundir.InvariantsRecord {
	r := &rundir.InvariantsRecord{Broken: map[string]int{}, InBatches: map[string]int{}}
	if s.Invariants == "off" {
		return nil
	}
	for _, v := range d.surveys {
		r.Sequences += v.Sequences
		for _, b := range v.Broken {
			r.Broken[string(b.Invariant)] += b.Count
		}
	}
	return r
}

// checked is batches of which every sequence is looked at once more as it is handed
// out. What breaks an invariant there ends the run or is counted in record.
func (d *dataset) checked(s config.Settings, batches data.Batches, record *rundir.InvariantsRecord) data.Batches {
	if record == nil {
		return batches
	}
	return &data.Checked{Batches: batches, Invariants: d.invariants, Tell: func(b data.Broken) error {
		record.InBatches[string(b.Invariant)]++
		if s.Invariants == "error" {
			return d.broken(b)
		}
		return nil
	}}
}
