package config

import (
	"reflect"
	"strings"
	"unicode/utf8"
)

// flag is one flag and the arguments after it.
type flag struct {
	name  string // with _ for -, without the leading --
	texts []string
	at    place
}

// splitFlags cuts the arguments into flags; what each takes depends on the kind
// of its setting.
func (l *loader) splitFlags(args []string) []flag {
	var flags []flag
	for i := 0; i < len(args); {
		body, ok := strings.CutPrefix(args[i], "--")
		name, text, has := strings.Cut(body, "=")
		at := place{text: "flag --" + name, flag: i + 1}
		i++
		switch {
		case !ok || name == "":
			l.problems.add(
				place{flag: at.flag},
				"unexpected argument %q; settings are given as --name value",
				args[i-1],
			)
			continue
		case !utf8.ValidString(name):
			l.problems.add(place{flag: at.flag}, "argument %q is not UTF-8", args[i-1])
			continue
		}
		f := flag{name: strings.ReplaceAll(name, "-", "_"), at: at}
		if has {
			f.texts = []string{text}
		} else {
			f.texts = l.follow(f.name, args[i:])
			i += len(f.texts)
		}
		if !utf8.ValidString(strings.Join(f.texts, "")) {
			l.problems.add(at, "%q is not UTF-8", f.texts)
			continue
		}
		flags = append(flags, f)
	}
	return flags
}

// follow returns the arguments that belong to the flag before them.
func (l *loader) follow(name string, args []string) []string {
	n := 0
	for n < len(args) && !strings.HasPrefix(args[n], "--") {
		n++
	}
	switch l.kind(name) {
	case reflect.Slice:
		return args[:n]
	case reflect.Bool:
		if n > 0 {
			if _, ok := ParseFlag(args[0], reflect.Bool).(bool); ok {
				return args[:1]
			}
		}
		return nil
	}
	return args[:min(n, 1)]
}

// kind of a setting or of an entry of one; Invalid for a parameter.
func (l *loader) kind(name string) reflect.Kind {
	name, _, dotted := strings.Cut(name, ".")
	row, ok := find(l.rows, name)
	switch {
	case !ok || dotted && row.keys == nil:
		return reflect.Invalid
	case dotted:
		return reflect.Float64
	}
	return row.kind
}

// chooseFile returns the TOML file that path or a flag names.
func (l *loader) chooseFile(path string, flags []flag) string {
	for _, f := range flags {
		if f.name != "config" {
			continue
		}
		if len(f.texts) == 0 || f.texts[0] == "" {
			l.problems.add(f.at, "has no value; want the path of a TOML file")
			continue
		}
		if path != "" && path != f.texts[0] {
			l.problems.add(f.at, "names %s, but the TOML file is already %s; keep one", f.texts[0], path)
		}
		path = f.texts[0]
	}
	return path
}

func (l *loader) readFlags(flags []flag) {
	for _, f := range flags {
		switch f.name {
		case "config":
		case "set":
			l.readSet(f)
		default:
			l.putFlag(f)
		}
	}
}

// readSet turns --set name=value into the flag of that name, which, unlike a
// flag, must be a setting.
func (l *loader) readSet(f flag) {
	name, text, ok := strings.Cut(strings.Join(f.texts, ""), "=")
	if !ok || name == "" {
		l.problems.add(f.at, "is %q; want name=value", strings.Join(f.texts, ""))
		return
	}
	f.name = strings.ReplaceAll(strings.TrimSpace(name), "-", "_")
	f.at.text = "flag --set " + name
	f.texts = []string{text}
	head, _, _ := strings.Cut(f.name, ".")
	if _, _, foreign := answerTo(head, nil); l.kind(head) == reflect.Invalid && !foreign {
		l.problems.add(f.at, "%s", unknown(head, "a parameter of a plugin is given as --"+head))
		return
	}
	l.putFlag(f)
}

// putFlag records the value of one flag.
func (l *loader) putFlag(f flag) {
	name, entry, dotted := strings.Cut(f.name, ".")
	row, known := find(l.rows, name)
	switch {
	case !known && dotted:
		l.problems.add(f.at, "%s", unknown(name, "no table has that name"))
	case !known:
		l.put(key{"params", name}, given{FlagText(f.textOr("true")), f.at, "params"})
	case dotted && row.kind != reflect.Map || dotted && entry == "":
		l.problems.add(f.at, "%s has no entries; give --%s", name, name)
	case dotted && row.keys == nil:
		l.put(key{name, entry}, given{FlagText(f.textOr("true")), f.at, name})
	case len(f.texts) == 0 && row.kind != reflect.Bool && row.kind != reflect.Slice && !row.isSwitch:
		l.problems.add(f.at, "has no value; write --%s value", f.name)
	case dotted:
		l.put(key{name, entry}, given{ParseFlag(f.texts[0], reflect.Float64), f.at, name})
	default:
		l.putWhole(f, row)
	}
}

// putWhole records the flag of a whole setting.
func (l *loader) putWhole(f flag, row setting) {
	var v any
	switch {
	case row.kind == reflect.Struct:
		l.putDatasets(f.name, parseTOML(f.textOr("")), f.at, func(int, ...string) place { return f.at })
		return
	case row.kind == reflect.Slice && len(f.texts) != 1:
		v = listOf(f.texts)
	default:
		v = ParseFlag(f.textOr("true"), row.kind)
	}
	if entries, ok := v.(map[string]any); ok && row.kind == reflect.Map {
		l.putEntries(f.name, entries, func(string) place { return f.at })
		return
	}
	l.put(key{name: f.name}, given{v, f.at, f.name})
}

func (f flag) textOr(fallback string) string {
	if len(f.texts) == 0 {
		return fallback
	}
	return f.texts[0]
}
