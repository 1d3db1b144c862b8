package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/nearest"
)

// setting is one row of the table: a field of Settings and what its tags say.
type setting struct {
	name, group, help string
	choices           []string // of the value, or of each element of a list
	keys              []string // of a table
	fallback          string   // the default as text; a list is divided by |
	limits            limits
	index             []int        // of the field
	kind              reflect.Kind // String, Int, Float64, Bool, Slice or Map
	isSwitch          bool         // true, false or auto
}

// limits bound a number; nil is no bound.
type limits struct{ min, max, above, below *float64 }

// table reads the tags of Settings, in the order of its fields. A bad tag is a
// mistake in this package, so it panics.
func table() []setting {
	fields := reflect.VisibleFields(reflect.TypeFor[Settings]())
	var rows []setting
	group := ""
	for _, f := range fields {
		if g := f.Tag.Get("group"); g != "" {
			group = g
		}
		if f.Anonymous || !f.IsExported() {
			continue
		}
		choices := split(f.Tag.Get("choices"))
		if isSwitch(f.Type) {
			choices = switchChoices
		}
		rows = append(rows, setting{
			name:     f.Tag.Get("name"),
			group:    group,
			help:     f.Tag.Get("help"),
			choices:  choices,
			keys:     split(f.Tag.Get("keys")),
			fallback: f.Tag.Get("default"),
			limits:   limits{bound(f, "min"), bound(f, "max"), bound(f, "above"), bound(f, "below")},
			index:    f.Index,
			kind:     kindOf(f.Type),
			isSwitch: isSwitch(f.Type),
		})
	}
	return rows
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "|")
}

func bound(f reflect.StructField, key string) *float64 {
	text, ok := f.Tag.Lookup(key)
	if !ok {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(fmt.Sprintf("config: tag %s of field %s: %v", key, f.Name, err))
	}
	return &v
}

// find returns the setting that name means, here or in another program.
func find(rows []setting, name string) (setting, bool) {
	if ours := foreigners()[name].Ours; ours != "" {
		name = ours
	}
	i := slices.IndexFunc(rows, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return rows[i], true
}

// Default returns the settings of an empty file.
func Default() Settings {
	var s Settings
	for _, row := range table() {
		if row.fallback == "" {
			continue
		}
		var v any = ParseFlag(row.fallback, row.kind)
		if row.kind == reflect.Slice {
			v = listOf(split(row.fallback))
		}
		if problem := row.assign(&s, v); problem != "" {
			panic(fmt.Sprintf("config: default of %s %s", row.name, problem))
		}
	}
	return s
}

// Nearest returns the setting or the parameter whose name is nearest to a
// misspelt one, or "" where none is near: whoever writes an unknown name may
// have meant either kind.
func Nearest(name string, parameters ...string) string {
	names := slices.Clone(parameters)
	rows := table()
	for _, row := range rows {
		names = append(names, row.name)
	}
	for _, f := range Foreigners() {
		if f.Ours != "" {
			names = append(names, f.Name)
		}
	}
	near := nearest.Name(name, names)
	if row, ok := find(rows, near); ok {
		return row.name
	}
	return near
}

// Map returns every setting by its name, parameters by theirs under "params",
// for a record of the run.
func (s Settings) Map() map[string]any {
	all := map[string]any{}
	for _, row := range table() {
		all[row.name] = row.field(&s).Interface()
	}
	datasets := make([]map[string]any, 0, len(s.Datasets))
	for _, d := range s.Datasets {
		datasets = append(datasets, d.Map())
	}
	all["datasets"] = datasets
	params := map[string]any{}
	for name, p := range s.Params {
		params[name] = p.Value
	}
	all["params"] = params
	return all
}

// Require returns an error for every name that is not set; "a|b" asks for one
// of two. It panics where no setting has a name.
func (s Settings) Require(names ...string) (err error) {
	var problems problems
	rows := table()
	defer func() { err = s.withForeign(err) }()
	for _, either := range names {
		set, first := false, setting{}
		for i, name := range split(either) {
			row, ok := find(rows, name)
			if !ok {
				panic("config: no setting is called " + name)
			}
			if i == 0 {
				first = row
			}
			set = set || !row.field(&s).IsZero()
		}
		if !set {
			problems.add(
				place{},
				"%s is not set; want the %s; write it into the TOML file or give --%s",
				strings.ReplaceAll(either, "|", " or "),
				first.help,
				first.name,
			)
		}
	}
	return problems.err()
}

// withForeign adds to an error what the run would be told next about settings of
// other programs.
func (s Settings) withForeign(err error) error {
	if err == nil {
		return nil
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.Params))) {
		if _, refused := s.Params[name].Answer(name); refused != nil {
			err = errors.Join(refused, err)
		}
	}
	return err
}

func (row setting) field(s *Settings) reflect.Value {
	return reflect.ValueOf(s).Elem().FieldByIndex(row.index)
}
