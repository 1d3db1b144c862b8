package data

import (
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"llmhost/host/classname"
)

// Survey is what a run must know about a set of examples before the first step.
// It is taken in one pass.
type Survey struct {
	Records int    `json:"records"` // of the files
	Drops   []Drop `json:"drops"`   // by reason, in the order of their first occurrence

	Examples     int `json:"examples"`
	Sequences    int `json:"sequences"`
	Tokens       int `json:"tokens"`        // of all sequences, after truncation
	PackedTokens int `json:"packed_tokens"` // the same, with what candidates share counted once
	Truncated    int `json:"truncated"`     // sequences that lost tokens of their prompt, or more
	AnswersCut   int `json:"answers_cut"`   // sequences, among the truncated, that lost tokens of their answer
	Begun        int `json:"begun"`         // sequences whose text began with what is put before each
	Ended        int `json:"ended"`         // sequences whose text ended in what is put after each
	Controlled   int `json:"controlled"`    // sequences whose text spelt out other special tokens
	Replaced     int `json:"replaced"`      // sequences whose text holds U+FFFD
	Chats        int `json:"chats"`         // sequences that a chat template wrote
	AsText       int `json:"as_text"`       // chats whose messages spelt out special tokens, which were encoded as text
	Rewritten    int `json:"rewritten"`     // chats that do not begin with what a model is asked with for one of their learned turns
	Merged       int `json:"merged"`        // chats in which a token spans the border of what a model is asked with and what it answers
	Labels       int `json:"labels"`        // that can be predicted, of all sequences

	MostCandidates int         `json:"most_candidates"` // of an example: the largest K of a batch
	MostLabels     int         `json:"most_labels"`     // of a sequence: the largest T of a batch
	Longest        int         `json:"longest"`         // tokens of the longest sequence
	Lengths        map[int]int `json:"lengths"`         // how many sequences there are of each length in tokens
	Control        []int64     `json:"control"`         // the special tokens that texts spelt out, in the order of their first occurrence

	TooLong   Misfits `json:"too_long"`   // sequences of more tokens than Limits.Positions
	OtherType Misfits `json:"other_type"` // with a token of a type beyond Limits.Types
	OtherID   Misfits `json:"other_id"`   // with an id beyond Limits.Vocab

	Broken []Broken `json:"broken"` // invariants that sequences break, in the order of their first occurrence

	Columns        []string           `json:"columns"`         // that candidates have, sorted
	ExampleColumns []string           `json:"example_columns"` // that examples have, sorted
	Classes        map[string][]Class `json:"classes"`         // under each head, in the order of their first occurrence
}

// Class is a class that examples have under some head.
type Class struct {
	Name      string     `json:"name"`  // as classname.Of has it
	Count     int        `json:"count"` // of examples
	First     Position   `json:"first"` // the first of them
	Spellings []Spelling `json:"spellings"`
}

// Spelling is one way in which data spells a class.
type Spelling struct {
	Text  string   `json:"text"`
	First Position `json:"first"`
}

// Limits are what a model takes; 0 stands for no limit.
type Limits struct {
	Positions int64 `json:"positions"` // the most tokens of a sequence
	Types     int64 `json:"types"`     // token types are below it
	Vocab     int64 `json:"vocab"`     // ids are below it

	Invariants Invariants `json:"invariants"` // of sequences
}

// Misfits are the sequences beyond a limit.
type Misfits struct {
	Count int      `json:"count"`
	First Position `json:"first"` // the record of the first of them
	Found int64    `json:"found"` // its tokens, or its largest type or id
}

// add counts a sequence whose number is not below a limit.
func (m *Misfits) add(found, limit int64, at Position) {
	if limit == 0 || found < limit {
		return
	}
	if m.Count == 0 {
		m.First = at
		m.Found = found
	}
	m.Count++
}

// Join returns those of m and, after them, those of other.
func (m Misfits) Join(other Misfits) Misfits {
	if m.Count == 0 {
		return other
	}
	m.Count += other.Count
	return m
}

// TakeSurvey surveys examples for a model of such limits. share says whether
// sequences share prefixes, as in Pack. Records and Drops are set by whoever read
// the files.
func TakeSurvey(examples []Example, share bool, limits Limits) Survey {
	s := newSurveyor(share, limits)
	for _, e := range examples {
		s.add(e)
	}
	return s.survey
}

func newSurveyor(share bool, limits Limits) *surveyor {
	s := &surveyor{share: share, limits: limits, at: map[headClass]int{}}
	s.survey.Lengths = map[int]int{}
	s.survey.Classes = map[string][]Class{}
	return s
}

// surveyPart is how many examples are surveyed at a time.
const surveyPart = 4096

// surveyAll surveys examples on all processors.
func surveyAll(examples Examples, share bool, limits Limits) (Survey, error) {
	parts := (examples.Len() + surveyPart - 1) / surveyPart
	surveys := make([]Survey, parts)
	errs := make([]error, min(parts, runtime.GOMAXPROCS(0)))
	var next atomic.Int64
	var wait sync.WaitGroup
	for w := range errs {
		wait.Go(func() {
			for p := int(next.Add(1)) - 1; p < parts && errs[w] == nil; p = int(next.Add(1)) - 1 {
				surveys[p], errs[w] = surveyRange(examples, p*surveyPart, share, limits)
			}
		})
	}
	wait.Wait()
	var all Survey
	for _, s := range surveys {
		all = all.Join(s)
	}
	return all, errors.Join(errs...)
}

// surveyRange surveys a part of examples.
func surveyRange(examples Examples, from int, share bool, limits Limits) (Survey, error) {
	s := newSurveyor(share, limits)
	for i := from; i < min(from+surveyPart, examples.Len()); i++ {
		e, err := examples.At(i)
		if err != nil {
			return Survey{}, err
		}
		s.add(e)
	}
	return s.survey, nil
}

// surveyor surveys one example after another.
type surveyor struct {
	share  bool
	limits Limits
	survey Survey
	at     map[headClass]int // the index of a class in survey.Classes
}

// headClass is a class under a head.
type headClass struct{ head, class string }

func (s *surveyor) add(e Example) {
	v := &s.survey
	if v.Examples == 0 {
		v.Columns = slices.Sorted(maps.Keys(e.Columns))
		v.ExampleColumns = slices.Sorted(maps.Keys(e.ExampleColumns))
	}
	v.Examples++
	v.MostCandidates = max(v.MostCandidates, len(e.Sequences))
	for _, sequence := range e.Sequences {
		s.addSequence(sequence, e.Source)
	}
	share := s.share && !hasTypes([]Example{e})
	for _, c := range clusters(e.Sequences, share) {
		v.PackedTokens += c.tokens(e.Sequences)
	}
	for head, class := range e.Classes {
		s.addClass(headClass{head, class}, e.Source)
	}
}

func (s *surveyor) addSequence(sequence Sequence, source Position) {
	v := &s.survey
	labels := sequence.LabelCount()
	v.Sequences++
	v.Tokens += len(sequence.IDs)
	v.Truncated += count(sequence.Truncated)
	v.AnswersCut += count(sequence.AnswerCut)
	v.Labels += labels
	v.MostLabels = max(v.MostLabels, labels)
	v.Longest = max(v.Longest, len(sequence.IDs))
	v.Lengths[len(sequence.IDs)]++
	if s.limits.Positions > 0 {
		v.TooLong.add(int64(len(sequence.IDs)), s.limits.Positions+1, source)
	}
	if len(sequence.Types) > 0 {
		v.OtherType.add(slices.Max(sequence.Types), s.limits.Types, source)
	}
	if len(sequence.IDs) > 0 {
		v.OtherID.add(slices.Max(sequence.IDs), s.limits.Vocab, source)
	}
	if broken, found := s.limits.Invariants.breaks(sequence); broken != "" {
		v.Broken = addBroken(v.Broken, Broken{Invariant: broken, Count: 1, First: source, Found: found})
	}
	v.Begun += count(sequence.Text.Begins)
	v.Ended += count(sequence.Text.Ends)
	v.Replaced += count(sequence.Text.Replaced)
	v.Chats += count(sequence.Text.Chat)
	v.AsText += count(sequence.Text.AsText)
	v.Rewritten += count(sequence.Text.Rewritten)
	v.Merged += count(sequence.Text.Merged)
	v.Controlled += count(len(sequence.Text.Control) > 0)
	v.Control = union(v.Control, sequence.Text.Control)
}

func (s *surveyor) addClass(c headClass, source Position) {
	spelling := Spelling{Text: c.class, First: source}
	c.class = classname.Of(c.class)
	list := s.survey.Classes[c.head]
	at, known := s.at[c]
	if !known {
		at = len(list)
		s.at[c] = at
		list = append(list, Class{Name: c.class, First: source})
		s.survey.Classes[c.head] = list
	}
	list[at].Count++
	list[at].spell(spelling)
}

// spell adds a spelling that is new.
func (c *Class) spell(s Spelling) {
	if !slices.ContainsFunc(c.Spellings, func(have Spelling) bool { return have.Text == s.Text }) {
		c.Spellings = append(c.Spellings[:len(c.Spellings):len(c.Spellings)], s)
	}
}

// ClassNames lists the classes under a head: in the order of numbers where all
// of them are numbers, else of texts.
func (s *Survey) ClassNames(head string) []string {
	var names []string
	for _, c := range s.Classes[head] {
		names = append(names, c.Name)
	}
	sortClasses(names)
	return names
}

// Heads lists the heads that examples have classes under, sorted.
func (s *Survey) Heads() []string { return slices.Sorted(maps.Keys(s.Classes)) }

// Unseen returns a class under a head that is not in known, of several the
// one that occurred first. found is false where there is none.
func (s *Survey) Unseen(head string, known []string) (c Class, found bool) {
	isKnown := map[string]bool{}
	for _, name := range known {
		isKnown[classname.Of(name)] = true
	}
	for _, c := range s.Classes[head] {
		if !isKnown[c.Name] {
			return c, true
		}
	}
	return Class{}, false
}

// Quantile returns the shortest length in tokens that at least the share q of
// the sequences do not exceed, 0 where there are none: Quantile(0.5) is the
// median.
func (s *Survey) Quantile(q float64) int {
	seen := 0
	for _, length := range slices.Sorted(maps.Keys(s.Lengths)) {
		seen += s.Lengths[length]
		if float64(seen) >= q*float64(s.Sequences) {
			return length
		}
	}
	return 0
}

// Join returns the survey of the examples of s and, after them, those of other.
func (s Survey) Join(other Survey) Survey {
	if s.Examples == 0 {
		return other
	}
	s.Records += other.Records
	s.Drops = joinDrops(s.Drops, other.Drops)
	s.Examples += other.Examples
	s.Sequences += other.Sequences
	s.Tokens += other.Tokens
	s.PackedTokens += other.PackedTokens
	s.Truncated += other.Truncated
	s.AnswersCut += other.AnswersCut
	s.Begun += other.Begun
	s.Ended += other.Ended
	s.Controlled += other.Controlled
	s.Replaced += other.Replaced
	s.Chats += other.Chats
	s.AsText += other.AsText
	s.Rewritten += other.Rewritten
	s.Merged += other.Merged
	s.Control = union(s.Control, other.Control)
	s.Labels += other.Labels
	s.MostCandidates = max(s.MostCandidates, other.MostCandidates)
	s.MostLabels = max(s.MostLabels, other.MostLabels)
	s.Longest = max(s.Longest, other.Longest)
	s.TooLong = s.TooLong.Join(other.TooLong)
	s.OtherType = s.OtherType.Join(other.OtherType)
	s.OtherID = s.OtherID.Join(other.OtherID)
	s.Broken = joinBroken(s.Broken, other.Broken)
	s.Lengths = joinLengths(s.Lengths, other.Lengths)
	s.Classes = joinClasses(s.Classes, other.Classes)
	return s
}

// union is a with what else b has.
func union(a, b []int64) []int64 {
	joined := slices.Clip(a)
	for _, id := range b {
		if !slices.Contains(joined, id) {
			joined = append(joined, id)
		}
	}
	return joined
}

func joinDrops(first, second []Drop) []Drop {
	joined := slices.Clone(first)
	for _, d := range second {
		at := slices.IndexFunc(joined, func(have Drop) bool { return have.Reason == d.Reason })
		if at < 0 {
			joined = append(joined, d)
			continue
		}
		joined[at].Count += d.Count
	}
	return joined
}

func joinLengths(first, second map[int]int) map[int]int {
	joined := maps.Clone(first)
	for length, n := range second {
		joined[length] += n
	}
	return joined
}

func joinClasses(first, second map[string][]Class) map[string][]Class {
	joined := map[string][]Class{}
	for head, classes := range first {
		joined[head] = slices.Clone(classes)
	}
	for head, classes := range second {
		for _, c := range classes {
			at := slices.IndexFunc(joined[head], func(have Class) bool { return have.Name == c.Name })
			if at < 0 {
				joined[head] = append(joined[head], c)
				continue
			}
			joined[head][at].Count += c.Count
			for _, spelling := range c.Spellings {
				joined[head][at].spell(spelling)
			}
		}
	}
	return joined
}
