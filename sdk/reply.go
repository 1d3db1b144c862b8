package sdk

import (
	"encoding/binary"
	"errors"
	"sort"
	"strconv"
	"unicode/utf8"
)

// Result is what a formatter made of one row: an Example, a reason to drop the
// row, or what is wrong with it. Exactly one is set.
type Result struct {
	Example Example
	Dropped string
	Err     string
}

// FormatRows runs f over rows. One bad row does not affect the others.
func FormatRows(f Formatter, rows []Row) []Result {
	results := make([]Result, len(rows))
	for i := range rows {
		example, err := FormatRow(f, &rows[i])
		if results[i] = asResult(err); err == nil {
			results[i].Example = example
		}
	}
	return results
}

// asResult turns a row's error into its result.
func asResult(err error) Result {
	if err == nil {
		return Result{}
	}
	var dropped *Dropped
	if errors.As(err, &dropped) {
		return Result{Dropped: orUnknown(dropped.Reason)}
	}
	return Result{Err: orUnknown(err.Error())}
}

func orUnknown(reason string) string {
	if reason == "" {
		return "no reason given"
	}
	return reason
}

// EncodeResults returns the reply frame of results.
func EncodeResults(results []Result) []byte {
	var w replyWriter
	for i := range results {
		w.add(&results[i])
	}
	return w.appendTo(nil)
}

// replyWriter writes a reply frame, answer by answer. Column names are numbered
// as they appear.
type replyWriter struct {
	body  []byte // the answers
	rows  int
	names []string
	index map[string]int
	last  *Candidate // the previous candidate of the same example
}

// reset readies the writer's memory for the next frame.
func (w *replyWriter) reset() {
	w.body = w.body[:0]
	w.rows = 0
	w.names = w.names[:0]
	clear(w.index)
}

// appendTo appends the frame to dst.
func (w *replyWriter) appendTo(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(w.rows))
	dst = binary.AppendUvarint(dst, uint64(len(w.names)))
	for _, name := range w.names {
		dst = appendText(dst, name)
	}
	return append(dst, w.body...)
}

func (w *replyWriter) add(r *Result) {
	switch {
	case r.Err != "":
		w.text(answerError, r.Err)
	case r.Dropped != "":
		w.text(answerDrop, r.Dropped)
	default:
		all := r.Example.Candidates
		w.example(r.Example.Columns, r.Example.Labels, len(all), len(all) > 0 && all[0].Chat != nil)
		for i := range all {
			w.candidate(&all[i])
		}
	}
}

// addOut adds what a formatter made of a row.
func (w *replyWriter) addOut(o *Out) {
	w.example(o.columns, o.labels, len(o.candidates), o.candidates[0].Chat != nil)
	for _, c := range o.candidates {
		w.candidate(c)
	}
}

func (w *replyWriter) text(kind byte, s string) {
	w.rows++
	w.body = appendText(append(w.body, kind), s)
}

// example begins an example; the given number of candidates must follow, all of
// them chats if chats is set.
func (w *replyWriter) example(columns map[string]float64, labels map[string]string, candidates int, chats bool) {
	w.rows++
	switch {
	case chats:
		w.body = append(w.body, answerChats)
		w.labels(labels)
	case len(labels) > 0:
		w.body = append(w.body, answerLabelled)
		w.labels(labels)
	default:
		w.body = append(w.body, answerExample)
	}
	w.columns(columns)
	w.body = binary.AppendUvarint(w.body, uint64(candidates))
	w.last = nil
}

func (w *replyWriter) candidate(c *Candidate) {
	if c.Chat != nil {
		w.chat(c.Chat)
	} else {
		w.texts(c)
	}
	w.columns(c.Columns)
	w.last = c
}

func (w *replyWriter) texts(c *Candidate) {
	if w.last != nil && c.Prompt == w.last.Prompt {
		w.body = append(w.body, 0)
	} else {
		w.body = appendText(append(w.body, 1), c.Prompt)
	}
	w.body = appendText(w.body, c.Answer)
}

func (w *replyWriter) chat(c *Chat) {
	if w.last != nil && c.sharesPrompt(w.last.Chat) {
		w.body = append(w.body, 0)
	} else {
		w.messages(append(w.body, 1), c.Prompt)
		for _, text := range [...]string{c.Tools, c.Documents, c.Args} {
			w.body = appendText(w.body, text)
		}
	}
	w.messages(w.body, c.Answer)
}

// messages appends messages to what is written of the body.
func (w *replyWriter) messages(body []byte, messages []Message) {
	body = binary.AppendUvarint(body, uint64(len(messages)))
	for i := range messages {
		body = appendText(append(body, byte(messages[i].Learn)), messages[i].JSON)
	}
	w.body = body
}

// columns writes in order of the names' numbers, so that equal rows give equal bytes.
func (w *replyWriter) columns(columns map[string]float64) {
	w.body = binary.AppendUvarint(w.body, uint64(len(columns)))
	if len(columns) == 0 {
		return
	}
	numberNames(w, columns)
	for i, name := range w.names {
		if v, has := columns[name]; has {
			w.body = appendFloat(binary.AppendUvarint(w.body, uint64(i)), v)
		}
	}
}

// labels does the same for labels.
func (w *replyWriter) labels(labels map[string]string) {
	w.body = binary.AppendUvarint(w.body, uint64(len(labels)))
	if len(labels) == 0 {
		return
	}
	numberNames(w, labels)
	for i, name := range w.names {
		if v, has := labels[name]; has {
			w.body = appendText(binary.AppendUvarint(w.body, uint64(i)), v)
		}
	}
}

// numberNames numbers the new names, in order of name.
func numberNames[V any](w *replyWriter, columns map[string]V) {
	known := len(w.names)
	for name := range columns {
		if _, has := w.index[name]; !has {
			w.names = append(w.names, name)
		}
	}
	if known == len(w.names) {
		return
	}
	if w.index == nil {
		w.index = map[string]int{}
	}
	sort.Strings(w.names[known:])
	for i, name := range w.names[known:] {
		w.index[name] = known + i
	}
}

// DecodeResults reads a reply frame, which must answer rows rows. The plugin
// may not be trusted: every example is checked as FormatRow checks it, and all
// other strings must be UTF-8. The results share one copy of the frame.
func DecodeResults(frame []byte, rows int) ([]Result, error) {
	r := replyReader{frameReader: frameReader{rest: string(frame)}}
	if count := r.uint32(); r.err == nil && count != rows {
		return nil, errors.New("row frame: " + strconv.Itoa(count) + " answers to " + strconv.Itoa(rows) + " rows")
	}
	count := r.number(1)
	if count > maxNames {
		return nil, errors.New("row frame: " + strconv.Itoa(count) + " names of columns; at most " + strconv.Itoa(maxNames) + " are allowed")
	}
	r.names = make([]string, count)
	for i := range r.names {
		r.names[i] = r.columnName()
	}
	results := make([]Result, rows)
	for i := 0; i < rows && r.err == nil; i++ {
		r.result(&results[i])
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return results, nil
}

// replyReader reads a reply frame.
type replyReader struct {
	frameReader
	names []string
	free  []Candidate // free candidates for the next examples
}

// Bounds on a reply, so that a small one cannot fill much memory.
const (
	maxNames      = 1024 // of columns in a frame
	maxName       = 255  // bytes of one
	maxCandidates = 4096 // of an example
)

// candidateSlab is how many candidates are allocated at a time.
const candidateSlab = 256

func (r *replyReader) validText() string {
	s := r.text()
	if !utf8.ValidString(s) {
		r.fail("text, which is not UTF-8")
	}
	return s
}

// columnName reads a name that must be printable, for errors and reports.
func (r *replyReader) columnName() string {
	s := r.validText()
	for _, c := range s {
		if len(s) > maxName || !strconv.IsPrint(c) {
			r.fail("column name, which cannot be printed")
			return ""
		}
	}
	return s
}

func (r *replyReader) result(to *Result) {
	switch kind := r.byte(); kind {
	case answerExample, answerLabelled, answerChats:
		var labels map[string]string
		if kind != answerExample {
			labels = r.labels()
		}
		e := r.example(kind == answerChats)
		e.Labels = labels
		err := e.check()
		if err == nil {
			err = e.checkTexts()
		}
		if to.Example = e; err != nil {
			*to = Result{Err: err.Error()}
		}
	case answerDrop:
		to.Dropped = orUnknown(r.validText())
	case answerError:
		to.Err = orUnknown(r.validText())
	default:
		r.fail("answer, whose kind is " + strconv.Itoa(int(kind)) + " and unknown here; a newer SDK may have it")
	}
}

func (r *replyReader) example(chats bool) Example {
	e := Example{Columns: r.columns()}
	n := r.number(3)
	if n > maxCandidates {
		r.fail("example of " + strconv.Itoa(n) + " candidates, of which at most " + strconv.Itoa(maxCandidates) + " are allowed")
		return e
	}
	if n > len(r.free) {
		r.free = make([]Candidate, max(n, candidateSlab))
	}
	e.Candidates = r.free[:n:n]
	r.free = r.free[n:]
	for i := range e.Candidates {
		var before *Candidate
		if i > 0 {
			before = &e.Candidates[i-1]
		}
		c := &e.Candidates[i]
		if chats {
			c.Chat = r.chat(before)
		} else {
			r.texts(c, before)
		}
		c.Columns = r.columns()
	}
	return e
}

// texts reads a prompt and an answer.
func (r *replyReader) texts(to, before *Candidate) {
	if r.ownPrompt(before) {
		to.Prompt = r.text()
	} else if before != nil {
		to.Prompt = before.Prompt
	}
	to.Answer = r.text()
}

// chat reads a chat. What it shares with the one before is in memory once.
func (r *replyReader) chat(before *Candidate) *Chat {
	var c Chat
	if r.ownPrompt(before) {
		c.Prompt = r.messages()
		c.Tools, c.Documents, c.Args = r.text(), r.text(), r.text()
	} else if before != nil {
		c = *before.Chat
	}
	c.Answer = r.messages()
	return &c
}

// ownPrompt reads whether a candidate comes with its prompt.
func (r *replyReader) ownPrompt(before *Candidate) bool {
	own := r.byte() == 1
	if !own && before == nil {
		r.fail("first candidate, which has no prompt")
	}
	return own
}

func (r *replyReader) messages() []Message {
	n := r.number(2)
	if n > maxMessages {
		r.fail(strconv.Itoa(n) + " messages, of which at most " + strconv.Itoa(maxMessages) + " are allowed")
	}
	if n == 0 || r.err != nil {
		return nil
	}
	messages := make([]Message, n)
	for i := range messages {
		messages[i].Learn = Learn(r.byte())
		messages[i].JSON = r.text()
	}
	return messages
}

func (r *replyReader) columns() map[string]float64 {
	n := r.number(9)
	if n == 0 {
		return nil
	}
	columns := make(map[string]float64, n)
	for range n {
		name, found := r.name()
		if !found {
			return nil
		}
		columns[name] = r.float()
	}
	if len(columns) != n {
		r.fail("columns, of which one occurs twice")
	}
	return columns
}

func (r *replyReader) labels() map[string]string {
	n := r.number(2)
	if n == 0 {
		return nil
	}
	labels := make(map[string]string, n)
	for range n {
		name, found := r.name()
		if !found {
			return nil
		}
		labels[name] = r.text()
	}
	return labels
}

// name reads the index of a name.
func (r *replyReader) name() (name string, found bool) {
	index := r.uvarint("column name")
	if index >= uint64(len(r.names)) {
		r.fail("column name")
		return "", false
	}
	return r.names[index], true
}
