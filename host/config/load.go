package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Load reads the TOML file at path ("" = none) over the defaults, and flags
// over both, with these forms:
//
//	--config FILE            the TOML file, where path is ""
//	--name value, --name=value, --name
//	                         a setting; the bare name sets a bool to true, and a list
//	                         takes all that follow it
//	--set name=value         the same; entries of tables as in lr_scheduler_kwargs.power=2
//	--params.NAME value      a parameter of the plugin, as is --NAME value where no
//	                         setting has that name; its text is kept as a FlagText
//
// Of several flags for one setting the last wins; a name may have - for _.
// A key of the file that is no setting is a parameter of a plugin too; only the
// task knows whether it exists. Where anything else is wrong, one that resembles
// a setting is an error already. The error joins every *Error there is, one a
// line. notices are sentences for the user on old spellings and on settings that
// have no effect.
func Load(path string, flags []string) (s Settings, notices []string, err error) {
	l := newLoader()
	cut := l.splitFlags(flags)
	path = l.chooseFile(path, cut)
	if path != "" {
		if text, err := os.ReadFile(path); err != nil {
			l.problems.add(place{}, "%s", unreadable(path, err))
		} else {
			l.readTOML(path, string(text))
		}
	}
	l.readFlags(cut)
	return l.finish()
}

func unreadable(path string, err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return path + ": no such file; give the path of a TOML file"
	}
	return err.Error()
}

// key is a setting, or an entry of a setting that is a table.
type key struct{ name, entry string }

// given is a value with its place and how the setting was spelt there.
type given struct {
	value    any
	at       place
	spelling string
}

// name is what the value was called at its place.
func (v given) name(k key) string {
	if k.entry != "" && v.spelling == k.name {
		return k.name + "." + tomlKey(k.entry)
	}
	return v.spelling
}

// loader gathers values and everything that is wrong with them.
type loader struct {
	rows     []setting
	values   map[key][]given // the last wins; those before it are checked too
	problems problems
	notices  []string
}

func newLoader() *loader { return &loader{rows: table(), values: map[key][]given{}} }

func (l *loader) readTOML(name, text string) {
	var doc map[string]any
	if _, err := toml.Decode(text, &doc); err != nil {
		l.problems.add(syntaxError(name, err))
		return
	}
	found := positions(text)
	at := func(path ...string) place {
		p := found[keyPath(path...)]
		return place{
			text: fmt.Sprintf("%s:%d:%d", name, p.line, p.col),
			line: p.line,
			col:  p.col,
		}
	}
	names := slices.SortedFunc(maps.Keys(doc), func(a, b string) int { return at(a).before(at(b)) })
	for _, n := range names {
		if entries, ok := doc[n].(map[string]any); ok && l.isTable(n) {
			l.putEntries(n, entries, func(entry string) place { return at(n, entry) })
			continue
		}
		if row, ok := find(l.rows, n); ok && row.kind == reflect.Struct {
			l.putDatasets(n, doc[n], at(n), func(entry int, key ...string) place { return at(append([]string{n, element(entry)}, key...)...) })
			continue
		}
		l.putKey(n, doc[n], at(n))
	}
}

// putKey records a key of the file, which is a setting, or else may be a
// parameter of a plugin.
func (l *loader) putKey(name string, v any, at place) {
	if _, ok := find(l.rows, name); ok || name == "" || !plainValue(v) {
		l.put(key{name: name}, given{v, at, name})
		return
	}
	l.put(key{"params", name}, given{v, at, name})
}

// notAParameter says why an unknown key cannot be a parameter either.
func notAParameter(name string, v any) string {
	if _, isTable := v.(map[string]any); isTable {
		return "settings are written without tables; remove the line [" + name + "]"
	}
	return "a parameter of a plugin is a string, a number, true or false"
}

// plainValue tells whether v is of a type that a parameter may have.
func plainValue(v any) bool {
	switch v.(type) {
	case string, int64, float64, bool, FlagText:
		return true
	}
	return false
}

// syntaxError gives the place and the text of what the decoder refused.
func syntaxError(name string, err error) (place, string, string) {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return place{text: name}, "%s", err.Error()
	}
	p := parse.Position
	return place{
		text: fmt.Sprintf("%s:%d:%d", name, p.Line, p.Col),
		line: p.Line,
		col:  p.Col,
	}, "%s", sentence(parse.Message)
}

// sentence brings the decoder's text into our form: no capital, no full stop.
func sentence(text string) string {
	text = strings.TrimSuffix(text, ".")
	return strings.ToLower(text[:min(1, len(text))]) + text[min(1, len(text)):]
}

func (l *loader) isTable(name string) bool {
	row, ok := find(l.rows, name)
	return ok && row.kind == reflect.Map
}

// put records one value, which must not be given under two spellings in one
// source.
func (l *loader) put(k key, v given) {
	row, ok := find(l.rows, k.name)
	if !ok {
		l.refuseUnknown(k.name, v)
		return
	}
	if k.entry == "" && v.spelling != row.name {
		l.note(v.at, "%s is called %s here", v.spelling, row.name)
	}
	v.value = l.ownValue(row, v)
	k.name = row.name
	for _, before := range l.values[k] {
		if before.spelling != v.spelling && sameSource(before.at, v.at) {
			l.problems.add(
				v.at,
				"%s is the same setting as %s (%s); keep %s",
				v.name(k),
				before.name(k),
				before.at.text,
				cmp.Or(k.entry, row.name),
			)
		} else if row.kind == reflect.Slice && sameSource(before.at, v.at) {
			l.notices = append(l.notices, fmt.Sprintf(
				"%s is given twice, and the last wins; write --%s A B for a list",
				v.at.text,
				row.name,
			))
		}
	}
	l.values[k] = append(l.values[k], v)
}

// refuseUnknown answers a name that is no setting, and whose value no parameter
// could take.
func (l *loader) refuseUnknown(name string, v given) {
	answer, refused, known := answerTo(name, v.value)
	switch {
	case !known:
		l.problems.add(v.at, "%s", unknown(name, notAParameter(name, v.value)))
	case refused:
		l.problems.add(v.at, "%s", answer)
	default:
		l.note(v.at, "%s", answer)
	}
}

// ownValue is the value that another program's means here: itself, but where the
// table has a row for it.
func (l *loader) ownValue(row setting, v given) any {
	switch value := v.value.(type) {
	case string:
		if ours := foreigners()[row.name+"="+value].Ours; ours != "" {
			l.note(v.at, "%s %q is called %q here", row.name, value, ours)
			return ours
		}
	case []any:
		list := make([]any, len(value))
		for i, e := range value {
			list[i] = l.ownValue(row, given{e, v.at, v.spelling})
		}
		return list
	}
	return v.value
}

func (l *loader) note(at place, format string, args ...any) {
	l.notices = append(l.notices, at.text+": "+fmt.Sprintf(format, args...))
}

// putEntries records the entries of a setting that is a table.
func (l *loader) putEntries(name string, entries map[string]any, at func(entry string) place) {
	for _, entry := range slices.Sorted(maps.Keys(entries)) {
		if entry == "" {
			l.problems.add(at(entry), "%s has an entry without a name", name)
			continue
		}
		l.put(key{name, entry}, given{entries[entry], at(entry), name})
	}
}

// holding is the value in force for a key; its place is empty where none was
// given.
func (l *loader) holding(name, entry string) given {
	all := l.values[key{name, entry}]
	if len(all) == 0 {
		return given{spelling: name}
	}
	return all[len(all)-1]
}

func sameSource(a, b place) bool { return (a.flag > 0) == (b.flag > 0) }

// unknown says that no setting has the name; otherwise is the advice where no
// name is near.
func unknown(name, otherwise string) string {
	if answer, _, known := answerTo(name, nil); known {
		return answer
	}
	if near := Nearest(name); near != "" {
		return fmt.Sprintf("unknown setting %q; did you mean %s?", name, near)
	}
	return fmt.Sprintf("unknown setting %q; %s", name, otherwise)
}

// finish assigns the values to the settings in the order of their places.
func (l *loader) finish() (Settings, []string, error) {
	s := Default()
	keys := slices.SortedFunc(maps.Keys(l.values), func(a, b key) int {
		return cmp.Or(
			l.holding(a.name, a.entry).at.before(l.holding(b.name, b.entry).at),
			cmp.Compare(a.name, b.name),
			cmp.Compare(a.entry, b.entry),
		)
	})
	for _, k := range keys {
		for _, v := range l.values[k] {
			l.assign(&s, k, v)
		}
	}
	l.check(&s)
	l.checkParams(&s)
	if err := l.problems.err(); err != nil {
		return Settings{}, l.notices, err
	}
	return s, l.notices, nil
}

// checkParams adds the parameters that may be misspelt settings where anything
// else is wrong too: alone they are left to the task, which knows its parameters.
func (l *loader) checkParams(s *Settings) {
	if len(l.problems) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		v := l.holding("params", name)
		answer, refused, known := answerTo(name, v.value)
		switch {
		case refused:
			l.problems.add(v.at, "%s", answer)
		case !known && v.spelling == name && Nearest(name) != "":
			l.problems.add(v.at, "%s", unknown(name, ""))
		}
	}
}

func (l *loader) assign(s *Settings, k key, v given) {
	row, _ := find(l.rows, k.name)
	problem := ""
	switch {
	case row.kind != reflect.Map:
		problem = row.assign(s, v.value)
	case k.entry == "":
		problem = wrongType(v.value, "a table")
	default:
		problem = row.assignEntry(s, k.entry, v.value, v.at.text)
	}
	if problem != "" {
		l.problems.add(v.at, "%s %s", v.name(k), problem)
		return
	}
	if s.given == nil {
		s.given = map[string]bool{}
	}
	s.given[row.name] = true
}
