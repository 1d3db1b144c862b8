package lora

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// AllLinear as target means every linear map except the heads.
const AllLinear = "all-linear"

// Modules are names of modules, or one regular expression over whole names.
type Modules struct {
	Names   []string
	Pattern string
}

// ParseModules reads the setting: "all-linear", or names.
func ParseModules(names []string) Modules {
	if len(names) == 1 &&
		(strings.EqualFold(names[0], AllLinear) || strings.ContainsAny(names[0], `*+?()[]{}^$\|`)) {
		return Modules{Pattern: names[0]}
	}
	return Modules{Names: names}
}

// UnmarshalJSON reads a list or a string.
func (m *Modules) UnmarshalJSON(text []byte) error {
	*m = Modules{}
	if bytes.HasPrefix(text, []byte{'"'}) {
		return json.Unmarshal(text, &m.Pattern)
	}
	return json.Unmarshal(text, &m.Names)
}

// MarshalJSON writes what UnmarshalJSON reads, and null for nothing.
func (m Modules) MarshalJSON() ([]byte, error) {
	if m.Pattern != "" {
		return json.Marshal(m.Pattern)
	}
	return json.Marshal(m.Names)
}

// Empty tells whether m names nothing.
func (m Modules) Empty() bool { return m.Pattern == "" && len(m.Names) == 0 }

// allLinear tells whether m means every linear map.
func (m Modules) allLinear() bool { return strings.EqualFold(m.Pattern, AllLinear) }

// FamilyTargets are the maps that PEFT adapts in a family of models where
// target_modules is null; none where it has no choice for the family.
func FamilyTargets(modelType string) Modules {
	switch modelType {
	case "gpt_neox":
		return Modules{Names: []string{"query_key_value"}}
	case "bert":
		return Modules{Names: []string{"query", "value"}}
	case "llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text":
		return Modules{Names: []string{"q_proj", "v_proj"}}
	}
	return Modules{}
}

// match tells whether m names the module, and whether by its whole name or a pattern rather
// than by its last parts. key is what errors call m.
func (m Modules) match(key, module string) (fits, whole bool, err error) {
	if m.Pattern != "" {
		pattern, err := compile(key, m.Pattern, "%s")
		if err != nil {
			return false, false, err
		}
		fits = pattern.MatchString(module)
		return fits, fits, nil
	}
	if slices.Contains(m.Names, module) {
		return true, true, nil
	}
	return slices.ContainsFunc(m.Names, func(name string) bool { return isModule(module, name) }), false, nil
}

// isModule tells whether name is a module's whole name or its last parts.
func isModule(module, name string) bool {
	return module == name || strings.HasSuffix(module, "."+name)
}

// Names are a list of names, of which a file may hold one alone.
type Names []string

// UnmarshalJSON reads a string or a list.
func (n *Names) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(text, []byte{'"'}) {
		return json.Unmarshal(text, (*[]string)(n))
	}
	*n = Names{""}
	return json.Unmarshal(text, &(*n)[0])
}

// Layers are the numbers of the layers that get adapters; none means all.
type Layers []int

// UnmarshalJSON reads a number or a list.
func (l *Layers) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte{'['}) {
		return json.Unmarshal(text, (*[]int)(l))
	}
	*l = Layers{0}
	return json.Unmarshal(text, &(*l)[0])
}

// adapts tells whether a module gets an adapter, if it is one that can have it.
func (c Config) adapts(module string) (bool, error) {
	if out, _, err := c.Exclude.match("exclude_modules", module); out || err != nil {
		return false, err
	}
	if inside, err := c.insideSaved(module); inside || err != nil {
		return false, err
	}
	if c.Targets.allLinear() {
		return true, nil
	}
	fits, whole, err := c.Targets.match(c.TargetsName, module)
	if !fits || whole || err != nil || len(c.Layers) == 0 {
		return fits, err
	}
	layer, err := c.layerOf(module)
	return slices.Contains(c.Layers, layer), err
}

// anyLayer is where PEFT looks for the number of a layer whose list has no name given.
const anyLayer = `[^.]*`

// layerOf is the number of the layer that a module is in, -1 outside of all.
func (c Config) layerOf(module string) (int, error) {
	patterns, format := []string(c.LayersPattern), `(?:^|.*?\.)%s\.(?P<idx>\d+)\.`
	if len(patterns) == 0 {
		patterns, format = []string{anyLayer}, `.*?\.%s\.(?P<idx>\d+)\.`
	}
	for _, p := range patterns {
		pattern, err := compilePrefix("layers_pattern", p, format)
		if err != nil {
			return -1, err
		}
		if found := pattern.FindStringSubmatch(module); found != nil {
			return strconv.Atoi(found[pattern.SubexpIndex("idx")])
		}
	}
	return -1, nil
}

// insideSaved tells whether modules_to_save keeps a module free of adapters, which
// PEFT decides by other words than what is saved: names are expressions, for
// whole parts of a module's name.
func (c Config) insideSaved(module string) (bool, error) {
	for _, name := range c.ModulesToSave {
		pattern, err := compile("modules_to_save", name, `(^|.*\.)%s($|\..*)`)
		if err != nil {
			return false, err
		}
		if pattern.MatchString(module) {
			return true, nil
		}
	}
	return false, nil
}

// saves tells whether modules_to_save names a module that has the weight: its
// own or one above it.
func (c Config) saves(module string) bool {
	return slices.ContainsFunc(withAncestors(module), c.names)
}

// names tells whether modules_to_save names a module itself, by its end.
func (c Config) names(module string) bool {
	return slices.ContainsFunc(c.ModulesToSave, func(name string) bool { return strings.HasSuffix(module, name) })
}

// withAncestors are the names of a module and of those around it, from the outermost.
func withAncestors(module string) (names []string) {
	for i, letter := range module {
		if letter == '.' {
			names = append(names, module[:i])
		}
	}
	return append(names, module)
}

// String is how errors show m.
func (m Modules) String() string {
	if m.Pattern != "" {
		return m.Pattern
	}
	return strings.Join(m.Names, ", ")
}
