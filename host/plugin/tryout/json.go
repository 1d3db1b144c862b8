package tryout

import (
	"encoding/json"
	"math"
)

// MarshalJSON writes a number that is not finite as metrics.jsonl does: as the
// text "NaN", "Infinity" or "-Infinity", since that is what a try may show.
func (r Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Loss      any        `json:"loss,omitempty"`
		Terms     []Fraction `json:"terms,omitempty"`
		Metrics   []Fraction `json:"metrics,omitempty"`
		Shape     []int64    `json:"shape,omitempty"`
		Output    any        `json:"output,omitempty"`
		Gradients any        `json:"gradients,omitempty"`
	}{shown(r.Loss), r.Terms, r.Metrics, r.Shape, shown(r.Output), shown(r.Gradients)})
}

// MarshalJSON does the same for a term or metric.
func (f Fraction) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name        string `json:"name"`
		Sum         any    `json:"sum"`
		Count       any    `json:"count"`
		Coefficient any    `json:"coefficient,omitempty"`
		Value       any    `json:"value,omitempty"`
	}{f.Name, shown(f.Sum), shown(f.Count), shown(f.Coefficient), shown(f.Value)})
}

// shown is a value with texts for the numbers that JSON does not have; what is
// absent is nil.
func shown(value any) any {
	switch v := value.(type) {
	case *float64:
		if v == nil {
			return nil
		}
		return shown(*v)
	case float64:
		return finite(v)
	case []float64:
		return each(v)
	case []any:
		return each(v)
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
		all := map[string]any{}
		for name, part := range v {
			all[name] = shown(part)
		}
		return all
	}
	return value
}

func each[V any](list []V) any {
	if list == nil {
		return nil
	}
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = shown(v)
	}
	return all
}

func finite(v float64) any {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return v
}
