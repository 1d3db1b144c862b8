// Package data turns data files into batches: records become rows of declared
// cells, a formatter turns rows into texts, a tokenizer texts into sequences, and
// Pack lays sequences out for a model. It computes nothing on a device. Start
// at Load, which runs from files to a Set, and at Pack; Batches hands out what
// a run trains on.
package data

import (
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"

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
	Cache       Cache
}

// Set is the tokenised content of some files.
type Set struct {
	Examples Examples // in file order
	Survey   Survey
	Files    []source.File
	FromDisk bool // an earlier run tokenised it

	key surveyKey // of the survey
}

// Load reads, formats, tokenises and surveys files, or opens what an earlier run made
// of the same ones. It is an error if no example is left. When ctx ends its error is
// returned.
func Load(ctx context.Context, files source.Files, o Options) (Set, error) {
	all, err := o.open(ctx, files)
	if err != nil {
		return Set{}, err
	}
	return all.set(o, nil)
}

// loaded is what files came to, not yet surveyed.
type loaded struct {
	tokenised
	files    []source.File
	digest   string // of the key of the tokens
	fromDisk bool
}

// open reads, formats and tokenises files, or opens what an earlier run made of them.
func (o Options) open(ctx context.Context, files source.Files) (l loaded, err error) {
	if err := o.Tokenizing.check(); err != nil {
		return l, err
	}
	if l.files, err = o.Cache.digests(files); err != nil {
		return l, err
	}
	l.digest = digestOf(o.tokensKey(l.files, files))
	if store := o.Cache.open(l.digest, o.Tokenizing.Padding); store != nil {
		l.fromDisk = true
		l.tokenised = tokenised{examples: store, records: store.tail.Records, drops: store.tail.Drops}
		return l, nil
	}
	l.tokenised, err = o.tokenise(ctx, files, l.digest)
	return l, err
}

// Holds tells whether the cache has the tokens of files. It does not read those whose
// digest nobody remembers: the cache has none of their tokens, or not of what they hold
// now.
func (o Options) Holds(files source.Files) (bool, error) {
	if o.Cache.Folder == "" {
		return false, nil
	}
	listed, known, err := o.Cache.knownDigests(files)
	if err != nil || !known {
		return false, err
	}
	_, err = os.Stat(o.Cache.path(digestOf(o.tokensKey(listed, files)), tokensEnding))
	return err == nil, nil
}

// set surveys the examples, which are one side of a split where part names one.
func (l loaded) set(o Options, part *partKey) (Set, error) {
	key := surveyKey{Tokens: l.digest, SharePrefix: o.shares(), Limits: o.Limits, Part: part}
	survey, err := o.Cache.survey(key, func() (Survey, error) { return surveyAll(l.examples, key.SharePrefix, o.Limits) })
	survey.Records = l.records
	survey.Drops = l.drops
	return Set{Examples: l.examples, Survey: survey, Files: l.files, FromDisk: l.fromDisk, key: key}, err
}

// shares tells whether batches hold once what candidates share.
func (o Options) shares() bool { return o.SharePrefix && !o.Tokenizing.Encoder }

// tokensKey is what the tokens of these files depend on.
func (o Options) tokensKey(listed []source.File, files source.Files) tokensKey {
	return tokensKey{
		Version:    cacheVersion,
		Files:      listed,
		Limit:      files.Limit,
		Total:      files.Total,
		Unreadable: files.Unreadable,
		Key:        o.Cache.Key,
		Columns:    o.Formatter.fields(),
		OnBadRow:   o.OnBadRow,
		Tokenizing: o.Tokenizing,
	}
}

// tokenised is what some files came to.
type tokenised struct {
	examples Examples
	hashes   []uint64 // of the content of each; nil where a store has them
	records  int
	drops    []Drop
}

// contents are the hashes of the content of each example.
func (t tokenised) contents() ([]uint64, error) {
	if store, ok := t.examples.(*Store); ok {
		return store.hashes()
	}
	return t.hashes, nil
}

// tokenise makes the examples of files: in the cache, or in memory where nothing is
// kept there.
func (o Options) tokenise(ctx context.Context, files source.Files, digest string) (tokenised, error) {
	writer, err := o.Cache.create(digest)
	if err != nil {
		o.Cache.note("tokens are not kept for the next run: %v", err)
	}
	sink := sink{store: writer}
	if writer != nil {
		defer writer.abort()
	}
	made, err := o.make(ctx, files, sink.add)
	switch {
	case sink.failed != nil: // a full disk keeps nobody from training
		o.Cache.note("tokens are not kept for the next run: %v", sink.failed)
		o.Cache.Folder = ""
		return o.tokenise(ctx, files, digest)
	case err != nil:
		return tokenised{}, err
	case writer == nil:
		made.examples = sink.memory
		made.hashes = sink.hashes
		return made, nil
	}
	if err := writer.commit(made.records, made.drops); err != nil {
		o.Cache.note("tokens are not kept for the next run: %v", err)
		o.Cache.Folder = ""
		return o.tokenise(ctx, files, digest)
	}
	if o.Cache.MaxBytes > 0 {
		_, _ = o.Cache.Prune(o.Cache.MaxBytes, digest+tokensEnding)
	}
	store, err := openStore(o.Cache.path(digest, tokensEnding), digest, o.Tokenizing.Padding)
	if err != nil {
		return tokenised{}, err
	}
	made.examples = store
	return made, nil
}

// sink keeps examples in a store, or in memory where there is none.
type sink struct {
	store  *storeWriter
	memory InMemory
	hashes []uint64 // of what is in memory
	failed error    // of the store
}

func (s *sink) add(c *chunk) error {
	if s.store == nil {
		s.memory = append(s.memory, c.examples...)
		s.hashes = append(s.hashes, c.hashes...)
		return nil
	}
	for i, e := range c.examples {
		if s.failed = s.store.add(e, c.sizes[i], c.hashes[i]); s.failed != nil {
			return s.failed
		}
	}
	return nil
}

// make formats and tokenises files, several portions at once, and hands their examples
// to add in their order.
func (o Options) make(ctx context.Context, files source.Files, add func(*chunk) error) (made tokenised, err error) {
	left := 0
	files.Columns = o.Formatter.fields()
	texts, err := o.makeOf(ctx, files.Records(), nil, func(c *chunk) error {
		left += len(c.examples)
		return add(c)
	})
	if err == nil && left == 0 {
		err = texts.noneLeft(files)
	}
	return tokenised{records: texts.Records, drops: texts.Drops}, err
}

// makeOf is make for some records, whose columns are those of first where that is not
// nil, and of which none need be left. What it returns counts them, with an error too.
func (o Options) makeOf(ctx context.Context, records iter.Seq2[source.Record, error], first *Formatted, add func(*chunk) error) (texts Texts, err error) {
	var drops []Drop
	take := func(c *chunk) error {
		if <-c.done; c.err != nil {
			return c.err
		}
		drops = joinDrops(drops, c.drops)
		return add(c)
	}
	var away []*chunk
	defer func() {
		for _, c := range away {
			<-c.done
		}
	}()
	texts, err = formatEach(ctx, records, o.Formatter, o.OnBadRow, first, func(portion []Formatted) error {
		c := &chunk{done: make(chan struct{})}
		away = append(away, c)
		go c.tokenise(portion, o)
		if len(away) <= runtime.GOMAXPROCS(0) {
			return nil
		}
		first := away[0]
		away = away[1:]
		return take(first)
	})
	for err == nil && len(away) > 0 {
		first := away[0]
		away = away[1:]
		err = take(first)
	}
	texts.Drops = joinDrops(texts.Drops, drops)
	return texts, err
}

// chunk is a portion of examples.
type chunk struct {
	examples []Example
	places   []source.Place // of the record of each
	first    Formatted      // of the records
	hashes   []uint64       // of the content of each
	sizes    []Size
	drops    []Drop
	err      error
	done     chan struct{} // closed when all of it is there
}

// tokenise fills in the examples of formatted records.
func (c *chunk) tokenise(portion []Formatted, o Options) {
	defer close(c.done)
	all, err := Tokenize(portion, o.Tokenizer, o.Tokenizing)
	if err == nil && len(all) != len(portion) {
		err = fmt.Errorf("%s: %d examples of %d records", portion[0].Source, len(all), len(portion))
	}
	if c.err = err; err != nil {
		return
	}
	c.first = portion[0]
	for i, e := range all {
		if reason := o.Tokenizing.useless(e); reason != "" {
			c.drops = joinDrops(c.drops, []Drop{{Reason: reason, Count: 1, First: e.Source}})
			continue
		}
		c.examples = append(c.examples, e)
		c.places = append(c.places, portion[i].place)
		c.hashes = append(c.hashes, hashOf(portion[i]))
		c.sizes = append(c.sizes, sizeOf(e))
	}
}

// Join returns the set of all examples of sets, in their order.
func Join(sets ...Set) Set {
	var all Set
	var examples joined
	for i, s := range sets {
		all.FromDisk = s.FromDisk && (i == 0 || all.FromDisk)
		examples = append(examples, s.Examples)
		all.Survey = all.Survey.Join(s.Survey)
		all.Files = append(all.Files, s.Files...)
	}
	all.Examples = examples
	return all
}
