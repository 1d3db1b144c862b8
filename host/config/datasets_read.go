package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// tables are the tables of a list; ok is false where v is none.
func tables(v any) (list []map[string]any, ok bool) {
	if list, ok := v.([]map[string]any); ok {
		return list, true
	}
	values, ok := v.([]any)
	for _, value := range values {
		entry, isTable := value.(map[string]any)
		if !isTable {
			return nil, false
		}
		list = append(list, entry)
	}
	return list, ok
}

// putDatasets records a list of entries; at is the place of one, from 0, or of one of
// its keys.
func (l *loader) putDatasets(name string, v any, whole place, at func(entry int, key ...string) place) {
	list, ok := tables(v)
	if !ok || len(list) == 0 {
		l.problems.add(whole, "%s %s", name, wrongType(v, "a list of tables, each under [["+name+"]] with path"))
		return
	}
	var entries []Dataset
	for i, fields := range list {
		r := datasetReader{loader: l, number: i + 1, name: name, fields: fields, at: func(key ...string) place { return at(i, key...) }}
		entries = append(entries, r.read())
	}
	l.put(key{name: name}, given{entries, whole, name})
}

// datasetReader reads one entry.
type datasetReader struct {
	*loader
	number int
	name   string
	fields map[string]any
	at     func(key ...string) place
}

func (r datasetReader) refuse(key, format string, args ...any) {
	r.problems.add(r.at(key), "%s %d: %s %s", r.name, r.number, key, fmt.Sprintf(format, args...))
}

func (r datasetReader) read() (d Dataset) {
	d.Where = r.at().text
	for _, key := range slices.Sorted(maps.Keys(r.fields)) {
		switch v := r.fields[key]; key {
		case "path":
			d.Paths = r.paths(v)
		case "weight":
			d.Weight = r.weight(v)
		case "formatter":
			d.Formatter = r.text(key, v)
		case "split":
			d.Split = r.text(key, v)
		case "max_samples":
			n, ok := v.(int64)
			if !ok || n < 1 {
				r.refuse(key, "%s", wrongType(v, "a whole number of at least 1"))
			}
			d.MaxSamples = int(n)
		case "columns":
			d.Columns = r.columns(v)
		default:
			r.param(&d, key, v)
		}
	}
	if _, has := r.fields["path"]; !has {
		r.problems.add(r.at(), "%s %d has no path; want a file, folder or pattern, or a list of them", r.name, r.number)
	}
	return d
}

func (r datasetReader) paths(v any) []string {
	if path, ok := v.(string); ok && path != "" {
		return []string{path}
	}
	list, ok := v.([]any)
	var paths []string
	for _, e := range list {
		path, isText := e.(string)
		ok = ok && isText && path != ""
		paths = append(paths, path)
	}
	if !ok || len(paths) == 0 {
		r.refuse("path", "%s", wrongType(v, "a path, or a list of paths"))
	}
	return paths
}

func (r datasetReader) weight(v any) *float64 {
	x, ok := number(v)
	if !ok {
		r.refuse("weight", "%s", wrongType(v, "a number"))
	} else if problem := weightProblem(x); problem != "" {
		r.refuse("weight", "%s", problem)
	}
	return &x
}

// weightProblem says what is wrong with a weight, or "".
func weightProblem(x float64) string {
	if x >= 0 && !math.IsInf(x, 0) {
		return ""
	}
	return "is " + formatFloat(x) + "; want a finite number of at least 0"
}

func (r datasetReader) text(key string, v any) string {
	text, ok := v.(string)
	if !ok {
		r.refuse(key, "%s", wrongType(v, "a string"))
	}
	return text
}

func (r datasetReader) columns(v any) map[string]string {
	entries, ok := v.(map[string]any)
	if !ok {
		r.refuse("columns", "%s", wrongType(v, "a table"))
	}
	columns := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		field, isText := entries[name].(string)
		if !isText || field == "" {
			r.problems.add(r.at("columns", name), "%s %d: columns.%s %s", r.name, r.number, name, wrongType(entries[name], "the name of a field, a string"))
		}
		columns[name] = field
	}
	return columns
}

// param adds a parameter of the entry's formatter, which is all that is no key.
func (r datasetReader) param(d *Dataset, key string, v any) {
	if !plainValue(v) {
		meant := ""
		if near := DatasetKeyMeant(key, nil); near != "" {
			meant = "; did you mean " + near + "?"
		}
		r.refuse(key, "%s%s", wrongType(v, "a parameter of the entry's formatter, which is a string, a number, true or false"), meant)
		return
	}
	if d.Params == nil {
		d.Params = map[string]Param{}
	}
	d.Params[key] = Param{Value: v, Where: r.at(key).text}
}
