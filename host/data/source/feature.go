package source

import (
	"encoding/json"
	"maps"
	"slices"
)

// feature is what Hugging Face's datasets knows of a field beyond its type. A nil
// feature says nothing.
type feature struct {
	names  []string            // of a ClassLabel, by number
	isJSON bool                // the text is JSON (feature Json)
	item   *feature            // of a list
	fields map[string]*feature // of a struct, and of a record as a whole
}

// of is the feature of a field of a struct.
func (f *feature) of(name string) *feature {
	if f == nil {
		return nil
	}
	return f.fields[name]
}

// element is the feature of a list's elements. datasets turns a Sequence of a dict
// into a dict of lists, so that the elements of these have what the Sequence says.
func (f *feature) element() *feature {
	if f == nil {
		return nil
	}
	return f.item
}

// classes are the names of the classes of each ClassLabel of a record, by name of field.
func (f *feature) classes() (all [][]string) {
	if f == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(f.fields)) {
		if field := f.fields[name]; field != nil && len(field.names) > 0 {
			all = append(all, field.names)
		}
	}
	return all
}

// features are those of the file; nil where it tells none, or cannot be read.
func (in *input) features() *feature {
	switch in.kind {
	case datasetFolder:
		return in.dataset.features
	case parquetKind:
		info, err := in.file.Stat()
		if err != nil {
			return nil
		}
		if p, err := openParquet(in.file, info.Size()); err == nil {
			return p.features
		}
	case arrowFile, arrowStream:
		stream, err := in.arrowStream()
		if err != nil {
			return nil
		}
		defer stream.Close()
		if r, err := (Files{}).openArrow(stream, 0, nil); err == nil {
			return r.features
		}
	}
	return nil
}

// parseFeatures reads the "features" of a dataset_info.json, or of the metadata of a
// schema. What it does not understand says nothing.
func parseFeatures(text []byte) *feature {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	f := &feature{fields: map[string]*feature{}}
	for name, field := range fields {
		f.fields[name] = parseFeature(field)
	}
	return f
}

func parseFeature(text []byte) *feature {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) == nil && len(list) == 1 { // [feature] is an old spelling of List
		return &feature{item: parseFeature(list[0])}
	}
	var is struct {
		Type    any             `json:"_type"`
		Names   []string        `json:"names"`
		Feature json.RawMessage `json:"feature"`
	}
	if json.Unmarshal(text, &is) != nil {
		return parseFeatures(text)
	}
	switch is.Type {
	case "ClassLabel":
		return &feature{names: is.Names}
	case "Json":
		return &feature{isJSON: true}
	case "List", "LargeList", "Sequence":
		return sequence(parseFeature(is.Feature))
	}
	if _, named := is.Type.(string); named {
		return nil
	}
	return parseFeatures(text)
}

// sequence is the feature of a list of such elements.
func sequence(of *feature) *feature {
	if of == nil || of.fields == nil {
		return &feature{item: of}
	}
	lists := &feature{item: of, fields: map[string]*feature{}} // List keeps the structs, Sequence makes lists in a struct
	for name, field := range of.fields {
		lists.fields[name] = &feature{item: field}
	}
	return lists
}

// schemaFeatures reads the features that datasets writes into the metadata of a schema.
func schemaFeatures(metadata string) *feature {
	var has struct {
		Info struct {
			Features json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(metadata), &has) != nil {
		return nil
	}
	return parseFeatures(has.Info.Features)
}
