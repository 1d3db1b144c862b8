package config

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
)

// taskGroups are the groups of settings that a task may have defaults for.
// What is read and written, and where it runs, is the user's alone.
var taskGroups = []string{"tokens", "optimisation"}

// IsSet tells whether a file, a flag or the calling program chose the value of
// a setting, so that no default may take its place.
func (s Settings) IsSet(name string) bool {
	row, ok := find(table(), name)
	standard := Default()
	return ok &&
		(s.given[row.name] ||
			!reflect.DeepEqual(row.field(&s).Interface(), row.field(&standard).Interface()))
}

// WithDefaults returns s with the defaults that owner, such as "task rrhf", has
// for settings (float64, int, bool or string), where the user set none. notices
// says which took effect. A default that no setting can take is an error, as
// is one for what belongs to the user.
func (s Settings) WithDefaults(owner string, defaults map[string]any) (out Settings, notices []string, err error) {
	var problems problems
	rows := table()
	out = s
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		row, ok := find(rows, name)
		switch {
		case !ok:
			problems.add(
				place{},
				"%s has a default for %s, which is neither one of its parameters nor a setting%s",
				owner,
				name,
				meant(name),
			)
		case !slices.Contains(taskGroups, row.group) || row.kind == reflect.Map:
			problems.add(
				place{},
				"%s has a default for %s, which only the user may choose; remove it from the plugin",
				owner,
				row.name,
			)
		case s.IsSet(row.name):
		default:
			if problem := row.assign(&out, plain(row, defaults[name])); problem != "" {
				problems.add(place{}, "%s has a default for %s that %s", owner, row.name, problem)
			}
			notices = append(notices, fmt.Sprintf(
				"%s = %s, the default of %s",
				row.name,
				tomlValue(row.field(&out).Interface()),
				owner,
			))
		}
	}
	return out, notices, problems.err()
}

func meant(name string) string {
	if near := Nearest(name); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// plain turns a plugin's value, whose numbers are float64 on some transports,
// into what TOML would have given.
func plain(row setting, v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case float64:
		if row.kind == reflect.Int && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	}
	return v
}
