package host

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"llmhost/host/data"
	"llmhost/host/data/inspect"
	"llmhost/host/data/record"
	"llmhost/host/data/source"
	"llmhost/sdk"
)

// checking is the look at one file.
type checking struct {
	*reading
	in    *inspect.Inspector
	files source.Files // the one
	eval  bool
	set   int      // the number of the data set
	reads []string // the fields that its formatter reads; nil without one
	count int      // records so far
	again int      // records that were read once more for their encoding
	batch []*inspect.Item

	side sideOf          // of eval_split that is looked at
	rows []source.Record // of batch
}

// checkedTogether is how many records go to the formatter and the tokenizer at a time.
const checkedTogether = 256

// file looks at all records of the file.
func (c *checking) file(ctx context.Context, path string) error {
	kind := "unknown"
	if files, err := c.files.Identify(); err == nil {
		kind = files[0].Kind
		if files[0].Note != "" {
			c.in.Note("%s", files[0].Note)
		}
	}
	c.in.File(inspect.FileReport{Path: path, Kind: kind, Eval: c.eval})
	for from, err := range c.files.Records() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.count++
		if err != nil {
			c.batch = append(c.batch, c.broken(path, err))
			c.rows = append(c.rows, nil)
			break
		}
		c.take(from)
		if len(c.batch) == checkedTogether {
			if err := c.look(ctx); err != nil {
				return err
			}
		}
	}
	return c.look(ctx)
}

// brokenAt is how the error of a file that cannot be read further begins.
var brokenAt = regexp.MustCompile(`:(\d+)(?::\d+)?: |: row (\d+): `)

// broken is the place at which reading the file ends.
func (c *checking) broken(path string, err error) *inspect.Item {
	at := source.Position{File: path}
	text := strings.TrimPrefix(err.Error(), path)
	if m := brokenAt.FindStringSubmatchIndex(text); m != nil && m[0] == 0 {
		at.Line, _ = strconv.Atoi(submatch(text, m, 1))
		at.Row, _ = strconv.Atoi(submatch(text, m, 2))
	}
	return &inspect.Item{Place: inspect.Place{Position: at, Number: c.count, Eval: c.eval}, Err: err}
}

func submatch(text string, m []int, n int) string {
	if m[2*n] < 0 {
		return ""
	}
	return text[m[2*n]:m[2*n+1]]
}

// take adds a record to the batch.
func (c *checking) take(from source.Record) {
	item := &inspect.Item{Place: inspect.Place{Position: from.Position(), Number: c.count, Eval: c.eval}, Set: c.set, Reads: c.reads}
	r, err := record.Read(from)
	if err == nil {
		item.Take(r.Renamed(c.settings.Columns))
	} else {
		item.Err = err
		c.readAgain(from.Place(), item)
	}
	c.batch = append(c.batch, item)
	c.rows = append(c.rows, from)
}

// readAgainMost bounds how often records are read once more: in a compressed file
// all that is before one is decompressed for it.
const readAgainMost = 50

// readAgain finds out whether a record cannot be read for its encoding alone, and which
// of its fields is damaged.
func (c *checking) readAgain(at source.Place, item *inspect.Item) {
	if c.again == readAgainMost {
		return
	}
	c.again++
	files := c.files
	files.Unreadable = source.Replace
	for from, err := range files.RecordsFrom(at) {
		if err != nil {
			return
		}
		r, err := record.Read(from)
		if err != nil {
			return
		}
		item.Encoding = true
		item.Damaged = damaged(r)
		return
	}
}

// damaged is the first field with a text that holds U+FFFD.
func damaged(r record.Record) string {
	var probe inspect.Item
	probe.Take(r)
	for _, t := range probe.View.Texts {
		if strings.ContainsRune(t.Text, utf8.RuneError) {
			return t.Field
		}
	}
	for _, f := range r {
		if strings.ContainsRune(f.Value.JSON(), utf8.RuneError) {
			return f.Name
		}
	}
	return ""
}

// look has the batch formatted, tokenised and inspected.
func (c *checking) look(ctx context.Context) error {
	if c.formatter != nil {
		if err := c.format(ctx); err != nil {
			return err
		}
	}
	c.batch = slices.DeleteFunc(c.batch, func(i *inspect.Item) bool { return i.Held != c.side.held })
	if c.tok != nil {
		if err := c.tokenize(); err != nil {
			return err
		}
	}
	for _, item := range c.batch {
		c.in.Add(item)
	}
	c.batch, c.rows = c.batch[:0], c.rows[:0]
	return nil
}

// format hands the records of the batch to the formatter.
func (c *checking) format(ctx context.Context) error {
	var rows []sdk.Row
	var items []*inspect.Item
	for i, item := range c.batch {
		if item.Err != nil {
			continue
		}
		row, err := c.rows[i].Row(c.formatter.Name, c.formatter.Columns)
		if err != nil {
			item.Refused = err.Error()
			continue
		}
		rows = append(rows, row)
		items = append(items, item)
	}
	if len(rows) == 0 {
		return nil
	}
	results, err := c.formatter.Format(ctx, rows)
	if err == nil && len(results) != len(rows) {
		err = fmt.Errorf("%d results for %d rows", len(results), len(rows))
	}
	if err != nil {
		return fmt.Errorf("%s: formatter %s: %w", items[0].Position.To(items[len(items)-1].Position), c.formatter.Name, err)
	}
	for i, item := range items {
		item.Refused = results[i].Err
		item.Dropped = results[i].Dropped
		if item.Refused == "" && item.Dropped == "" {
			formatted := data.Formatted{Example: results[i].Example, Source: item.Position}
			item.Format(formatted)
			item.Held = c.side.isHeld != nil && c.side.isHeld(formatted.Hash())
		}
	}
	return nil
}

// tokenize gives the items of the batch their tokens: those of the formatter's
// example, or else of the texts that the names of the fields say.
func (c *checking) tokenize() error {
	var examples []data.Formatted
	var items []*inspect.Item
	for _, item := range c.batch {
		if e, has := item.Example(c.formatter != nil); has {
			examples = append(examples, e)
			items = append(items, item)
		}
	}
	tokenised, err := data.Tokenize(examples, c.tok, c.how)
	for i, item := range items {
		if err == nil {
			item.Tokens = &tokenised[i]
			continue
		}
		one, err := data.Tokenize(examples[i:i+1], c.tok, c.how) // the fault is of one of them
		if err != nil {
			item.Untokenized = err.Error()
			continue
		}
		item.Tokens = &one[0]
	}
	return c.findMerged(items)
}

// findMerged finds the prompts whose last token is another one when their answer
// follows.
func (c *checking) findMerged(items []*inspect.Item) error {
	var texts []string
	for _, item := range items {
		for _, candidate := range item.Candidates {
			texts = append(texts, candidate.Prompt, candidate.Prompt+candidate.Answer)
		}
	}
	ids, err := c.tok.EncodeBatch(texts, false)
	if err != nil && len(items) == 1 {
		return fmt.Errorf("%s: %w", items[0].Position, err)
	}
	if err != nil { // of which of them?
		for i := range items {
			if err := c.findMerged(items[i : i+1]); err != nil {
				return err
			}
		}
		return err
	}
	for _, item := range items {
		for range item.Candidates {
			prompt, whole := ids[0], ids[1]
			ids = ids[2:]
			item.Merged = append(item.Merged, len(whole) < len(prompt) || !slices.Equal(whole[:len(prompt)], prompt))
		}
	}
	return nil
}
