package data

// Invariants are what holds of every sequence that a run trains on. A sequence that was
// cut, such as a piece of a text in a block, need not begin and end as a whole one does.
type Invariants struct {
	Check  bool    `json:"check"`  // otherwise nothing is looked for
	Before []int32 `json:"before"` // what a sequence begins with
	BOS    int32   `json:"bos"`    // the token that never stands twice in a row, -1 = none
	End    int32   `json:"end"`    // the last token that is learned, -1 = any
	Around int     `json:"around"` // how many tokens are put around a sequence
	Learns bool    `json:"learns"` // something is learned
	Vocab  int64   `json:"vocab"`  // ids are below it; 0 = no limit
}

// Invariant is the name of one of them.
type Invariant string

// The invariants.
const (
	IDsInVocab  Invariant = "ids"     // an id is in the vocabulary
	LabelsAreID Invariant = "labels"  // a label is the id at its place, or Ignore
	NotEmpty    Invariant = "empty"   // a sequence has more than what is put around it
	Learned     Invariant = "learned" // a sequence has a token that is learned
	Begins      Invariant = "begin"   // a sequence begins with what is put before it
	BeginsOnce  Invariant = "bos"     // and has it once
	Ends        Invariant = "end"     // the last token that is learned is the end
)

// Broken counts the sequences that break an invariant.
type Broken struct {
	Invariant Invariant `json:"invariant"`
	Count     int       `json:"count"`
	First     Position  `json:"first"` // the record of the first of them
	Found     int64     `json:"found"` // its token at fault, or its number of tokens
}

// breaks returns the first invariant that a sequence breaks, with the token at fault;
// "" where all hold.
func (v *Invariants) breaks(s Sequence) (broken Invariant, found int64) {
	if !v.Check {
		return "", 0
	}
	if len(s.Labels) != len(s.IDs) {
		return LabelsAreID, int64(len(s.Labels))
	}
	learned, doubled := 0, false
	last := int64(-1)
	before := int64(-1)
	for t, id := range s.IDs {
		if id < 0 || v.Vocab > 0 && id >= v.Vocab {
			return IDsInVocab, id
		}
		if label := s.Labels[t]; label != Ignore {
			if label != id {
				return LabelsAreID, label
			}
			last = id
			learned += count(t > 0)
		}
		doubled = doubled || id == before && id == int64(v.BOS)
		before = id
	}
	return v.breaksWhole(s, learned, last, doubled)
}

// breaksWhole is breaks for what concerns a sequence as a whole.
func (v *Invariants) breaksWhole(s Sequence, learned int, last int64, doubled bool) (broken Invariant, found int64) {
	around := v.Around
	if s.Text.Chat {
		around = 0
	}
	switch {
	case s.Truncated && len(s.IDs) > 0:
		return "", 0
	case len(s.IDs) <= around:
		return NotEmpty, int64(len(s.IDs))
	case v.Learns && learned == 0:
		return Learned, int64(len(s.IDs))
	case !s.Text.Chat && !v.begins(s.IDs):
		return Begins, s.IDs[0]
	case doubled:
		return BeginsOnce, int64(v.BOS)
	case last >= 0 && !v.ends(s.Text, last):
		return Ends, last
	}
	return "", 0
}

// ends tells whether what is learned ends as it should. Whoever lays chats out says
// it of them: what ends a turn is the template's, and blanks may follow it.
func (v *Invariants) ends(text Marks, last int64) bool {
	if text.Chat {
		return !v.Learns || text.EndsTurn
	}
	return v.End < 0 || last == int64(v.End)
}

func (v *Invariants) begins(ids []int64) bool {
	if len(ids) < len(v.Before) {
		return false
	}
	for i, id := range v.Before {
		if ids[i] != int64(id) {
			return false
		}
	}
	return true
}

// addBroken counts one more sequence.
func addBroken(to []Broken, one Broken) []Broken {
	for i := range to {
		if to[i].Invariant == one.Invariant {
			to[i].Count += one.Count
			return to
		}
	}
	return append(to, one)
}

// joinBroken is first with what second counts too.
func joinBroken(first, second []Broken) []Broken {
	joined := append([]Broken(nil), first...)
	for _, b := range second {
		joined = addBroken(joined, b)
	}
	return joined
}

// Checked is Batches that looks at every sequence before it hands it out.
type Checked struct {
	Batches
	Invariants Invariants
	// Tell is called for each sequence that breaks one; its error ends the run.
	Tell func(Broken) error
}

// Next returns the examples of the next count units.
func (c *Checked) Next(count int) ([]Example, error) {
	examples, err := c.Batches.Next(count)
	if err != nil || !c.Invariants.Check {
		return examples, err
	}
	for _, e := range examples {
		for _, s := range e.Sequences {
			broken, found := c.Invariants.breaks(s)
			if broken == "" {
				continue
			}
			if err := c.Tell(Broken{Invariant: broken, Count: 1, First: e.Source, Found: found}); err != nil {
				return nil, err
			}
		}
	}
	return examples, nil
}
