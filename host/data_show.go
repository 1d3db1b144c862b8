package host

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/data/inspect"
	"llmhost/host/data/record"
	"llmhost/host/data/show"
	"llmhost/host/data/source"
	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// Wanted says which records of the data files are shown.
type Wanted struct {
	Numbers []Range         // of the records of all files in a row, from 1
	Place   source.Position // one record by its file and line, or row, where Numbers is nil
}

// Range is the numbers from First to Last.
type Range struct{ First, Last int }

// last is the highest number that is wanted, 0 where a place is.
func (w Wanted) last() (last int) {
	for _, r := range w.Numbers {
		last = max(last, r.Last)
	}
	return last
}

// has tells whether a record is wanted.
func (w Wanted) has(number int, at source.Position) bool {
	if w.Numbers == nil {
		return at.File == w.Place.File && max(at.Line, at.Row) == w.Place.Line
	}
	return slices.ContainsFunc(w.Numbers, func(r Range) bool { return number >= r.First && number <= r.Last })
}

// ShowData tokenises records as a run of the settings would and returns what a model
// sees of each, with what the run does to their tokens.
func ShowData(ctx context.Context, s config.Settings, env Env, w Wanted) (records []show.Record, err error) {
	r, err := openReading(ctx, s, env, console.New(env.Lines, nil))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.tok == nil {
		return nil, fmt.Errorf("no tokenizer is named; give model_name_or_path or tokenizer_name_or_path")
	}
	parts, err := r.trainParts()
	if err != nil {
		return nil, err
	}
	speller := r.tok.Speller()
	number := 0
	for from, err := range recordsIn(ctx, parts) {
		if err != nil {
			return records, err
		}
		number++
		if w.has(number, from.Position()) {
			shown, err := drawing{reading: r.of(from.part), speller: speller}.record(ctx, from.Record)
			if err != nil {
				return records, err
			}
			records = append(records, shown)
		}
		if number == w.last() || w.Numbers == nil && records != nil {
			break
		}
	}
	if records == nil {
		return nil, fmt.Errorf("none of %d records is the one asked for", number)
	}
	return records, nil
}

// drawing makes records ready to be drawn.
type drawing struct {
	*reading
	speller *tokenizer.Speller
}

// record reads, formats and tokenises one record. What is wrong with it is shown.
func (d drawing) record(ctx context.Context, from source.Record) (show.Record, error) {
	out := show.Record{Place: console.OneLine(from.Position().String()), Reader: "read by the names of its fields"}
	item := &inspect.Item{Place: inspect.Place{Position: from.Position()}}
	fields, err := record.Read(from)
	if err != nil {
		out.Note = console.OneLine(err.Error())
		return out, nil
	}
	item.Take(fields.Renamed(d.settings.Columns))
	if d.formatter != nil {
		out.Reader = "formatter " + d.formatter.Name
		if d.task != nil && d.task.Format.Form != "" {
			out.Reader += ", " + console.OneLine(d.task.Format.Form)
		}
		if note, err := d.format(ctx, from, item); note != "" || err != nil {
			out.Note = console.OneLine(note)
			return out, err
		}
	}
	example, has := item.Example(d.formatter != nil)
	if !has {
		out.Note = "nothing of this record is known without a formatter: give task"
		return out, nil
	}
	tokenised, err := data.Tokenize([]data.Formatted{example}, d.tok, d.how)
	if err != nil {
		out.Note = console.OneLine(err.Error())
		return out, nil
	}
	out.Columns = columnsOf(example.Columns, example.Labels)
	out.Candidates, err = d.candidates(item, example, tokenised[0])
	return out, err
}

// format has the formatter make an example of a record. note says why it made none.
func (d drawing) format(ctx context.Context, from source.Record, item *inspect.Item) (note string, err error) {
	row, err := from.Row(d.formatter.Name, d.formatter.Columns)
	if err != nil {
		return err.Error(), nil
	}
	results, err := d.formatter.Format(ctx, []sdk.Row{row})
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: formatter %s: %w", item.Position, d.formatter.Name, err)
	case len(results) != 1:
		return "", fmt.Errorf("%s: formatter %s: %d results for one row", item.Position, d.formatter.Name, len(results))
	case results[0].Err != "":
		return "refused: " + results[0].Err, nil
	case results[0].Dropped != "":
		return "left out: " + results[0].Dropped, nil
	}
	item.Format(data.Formatted{Example: results[0].Example, Source: item.Position})
	return "", nil
}

// columnsOf are the numbers and classes of an example in the order of their names.
func columnsOf(numbers map[string]float64, classes map[string]string) (all []show.Column) {
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		all = append(all, show.Column{Name: console.OneLine(name), Value: strconv.FormatFloat(numbers[name], 'g', -1, 64)})
	}
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		all = append(all, show.Column{Name: console.OneLine(name), Value: console.OneLine(classes[name])})
	}
	return all
}

// candidates are the sequences of an example.
func (d drawing) candidates(item *inspect.Item, formatted data.Formatted, e data.Example) (all []show.Candidate, err error) {
	for n, s := range e.Sequences {
		c := show.Candidate{Columns: columnsOf(formatted.Candidates[n].Columns, nil)}
		if c.Tokens, err = d.tokens(item, formatted.Candidates[n], s); err != nil {
			return nil, err
		}
		if n > 0 {
			c.Shared = sharedIDs(e.Sequences[0].IDs, s.IDs)
		}
		all = append(all, c)
	}
	return all, nil
}

func sharedIDs(a, b []int64) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// tokens are those of a sequence, with what becomes of each.
func (d drawing) tokens(item *inspect.Item, c sdk.Candidate, s data.Sequence) ([]show.Token, error) {
	tokens := make([]show.Token, len(s.IDs))
	first, end := 0, len(s.IDs)
	if over := len(s.IDs) - d.settings.MaxLength; over > 0 && d.settings.TruncationSide == "left" {
		first = over
	} else if over > 0 {
		end -= over
	}
	ids := make([]int32, len(s.IDs))
	for i, id := range s.IDs {
		ids[i] = int32(id)
	}
	pieces := d.speller.Spell(ids)
	for i, id := range s.IDs {
		tokens[i] = show.Token{
			ID:      id,
			Text:    pieces[i].Text,
			Part:    pieces[i].Part,
			Learned: d.learns && i > 0 && s.Labels[i] != data.Ignore,
			Special: d.tok.IsControl(int32(id)),
			Cut:     i < first || i >= end,
		}
	}
	if c.Chat != nil {
		turnRoles(tokens, item.View.Chats)
		return tokens, nil
	}
	return tokens, d.textRoles(tokens, c, s)
}

// textRoles tells the tokens of a prompt from those of its answer.
func (d drawing) textRoles(tokens []show.Token, c sdk.Candidate, s data.Sequence) error {
	ids, err := d.tok.EncodeBatch([]string{c.Prompt}, false)
	if err != nil {
		return err
	}
	begin := 0
	if !s.Text.Begins {
		begin = len(d.how.Before)
	}
	answer := begin
	for answer < len(tokens) && answer-begin < len(ids[0]) && tokens[answer].ID == int64(ids[0][answer-begin]) {
		answer++
	}
	end := len(tokens)
	if !s.Text.Ends {
		end -= len(d.how.After)
	}
	for i := range tokens {
		switch {
		case i < begin || i >= end:
			tokens[i].Role = "added"
		case d.how.Encoder && len(s.Types) > 0:
			tokens[i].Role = []string{"first text", "second text"}[min(1, s.Types[i])]
		case i < answer:
			tokens[i].Role = "prompt"
		default:
			tokens[i].Role = "answer"
		}
	}
	return nil
}

// turnRoles gives the tokens of a chat the roles of the turns whose contents they are;
// all others are the template's.
func turnRoles(tokens []show.Token, chats []record.Chat) {
	var text strings.Builder
	begins := make([]int, len(tokens)+1)
	for i, t := range tokens {
		tokens[i].Role = "template"
		text.WriteString(t.Text)
		begins[i+1] = text.Len()
	}
	from := 0
	for _, chat := range chats {
		for _, turn := range chat.Turns {
			content := strings.TrimSpace(turn.Content)
			at := strings.Index(text.String()[from:], content)
			if _, said, thinks := strings.Cut(content, "</think>"); at < 0 && thinks { // which the template left out
				content = strings.TrimSpace(said)
				at = strings.Index(text.String()[from:], content)
			}
			if content == "" || at < 0 {
				continue
			}
			for i := range tokens {
				if begins[i+1] > from+at && begins[i] < from+at+len(content) {
					tokens[i].Role = turn.Role
				}
			}
			from += at + len(content)
		}
	}
	for i := len(tokens) - 2; i >= 0; i-- { // a part of a character belongs to the whole
		if tokens[i].Part && tokens[i].Text == "" {
			tokens[i].Role = tokens[i+1].Role
		}
	}
}
