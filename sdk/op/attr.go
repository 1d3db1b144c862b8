package op

import (
	"errors"
	"math"
	"strconv"
)

// Kind says what an attribute holds.
type Kind uint8

// The kinds of attributes. In a program's JSON an Axis is an integer, a Fill
// may also be the string "inf" or "-inf", a Size is a string such as "B" and
// Sizes is a list of such strings.
const (
	Axis    Kind = iota // an axis of the first input, -1 is the last; the canonical form counts from 0
	NewAxis             // where a new axis goes: one place more than Axis has
	Flag                // true or false
	Number              // a finite float64
	Fill                // a float64 that may be infinite
	Type                // a DType
	Size                // a Dim
	Sizes               // a Shape
)

// AttrSpec declares an attribute of an op.
type AttrSpec struct {
	Name     string
	Kind     Kind
	Optional bool
	Needs    string // another attribute that this one requires
}

// Attr is one attribute of a node. The field that Kind names holds its value.
type Attr struct {
	Name string
	Kind Kind

	Int   int     // Axis, NewAxis
	Bool  bool    // Flag
	Float float64 // Number, Fill
	DType DType   // Type
	Dim   Dim     // Size
	Shape Shape   // Sizes
}

// Attrs are the attributes of a node, in the order of the op's row.
type Attrs []Attr

// Find returns the attribute called name.
func (a Attrs) Find(name string) (Attr, bool) {
	for _, attr := range a {
		if attr.Name == name {
			return attr, true
		}
	}
	return Attr{}, false
}

// Axis returns the axis named "dim", counted from 0 after Check, and whether it is there.
func (a Attrs) Axis() (int, bool) {
	attr, found := a.Find("dim")
	return attr.Int, found
}

// KeepDim returns the flag "keepdim", false where it is absent.
func (a Attrs) KeepDim() bool {
	attr, _ := a.Find("keepdim")
	return attr.Bool
}

// Value returns the number "value", 0 where it is absent.
func (a Attrs) Value() float64 {
	attr, _ := a.Find("value")
	return attr.Float
}

// Type returns the data type "dtype".
func (a Attrs) Type() DType {
	attr, _ := a.Find("dtype")
	return attr.DType
}

// Size returns the dimension called name.
func (a Attrs) Size(name string) Dim {
	attr, _ := a.Find(name)
	return attr.Dim
}

// Shape returns the shape "shape".
func (a Attrs) Shape() Shape {
	attr, _ := a.Find("shape")
	return attr.Shape
}

// resolve brings given into the order of specs, fills in false for an absent
// flag that has a meaning, turns axes to count from 0 and checks every value.
func resolve(specs []AttrSpec, given Attrs, rank int) (Attrs, error) {
	var out Attrs
	for _, spec := range specs {
		attr, found := given.Find(spec.Name)
		if _, met := given.Find(spec.Needs); spec.Needs != "" && !met {
			if found {
				return nil, errors.New("attribute " + spec.Name + " means nothing without " + spec.Needs)
			}
			continue
		}
		if !found && spec.Kind == Flag {
			attr = Attr{Name: spec.Name, Kind: Flag}
			found = true
		}
		if !found {
			if spec.Optional {
				continue
			}
			return nil, errors.New("attribute " + spec.Name + " is missing")
		}
		checked, err := attr.check(spec, rank)
		if err != nil {
			return nil, err
		}
		out = append(out, checked)
	}
	return out, unknownAttr(specs, given)
}

// unknownAttr names the first attribute that the op does not have.
func unknownAttr(specs []AttrSpec, given Attrs) error {
	for _, attr := range given {
		known := false
		for _, spec := range specs {
			known = known || spec.Name == attr.Name
		}
		if !known {
			return errors.New("has no attribute " + quoted(attr.Name))
		}
	}
	return nil
}

// check returns the attribute in canonical form.
func (a Attr) check(spec AttrSpec, rank int) (Attr, error) {
	if a.Kind != spec.Kind {
		return a, errors.New("attribute " + a.Name + " is not of the kind that the op declares")
	}
	switch a.Kind {
	case Axis:
		return a.checkAxis(rank)
	case NewAxis:
		return a.checkAxis(rank + 1)
	case Number, Fill:
		if math.IsNaN(a.Float) || a.Kind == Number && math.IsInf(a.Float, 0) {
			return a, errors.New("attribute " + a.Name + " is " + strconv.FormatFloat(a.Float, 'g', -1, 64) + "; want a finite number")
		}
	case Type:
		if !a.DType.Valid() {
			return a, errors.New("attribute " + a.Name + " is " + quoted(string(a.DType)) + "; want f32, i64 or bool")
		}
	case Size:
		dim, err := ParseDim(string(a.Dim))
		a.Dim = dim
		return a, err
	case Sizes:
		return a.checkSizes()
	}
	return a, nil
}

// checkAxis turns a negative axis into one counted from 0.
func (a Attr) checkAxis(rank int) (Attr, error) {
	if a.Int < -rank || a.Int >= rank {
		return a, errors.New("axis " + strconv.Itoa(a.Int) + " is out of range for " + strconv.Itoa(rank) + " axes")
	}
	if a.Int < 0 {
		a.Int += rank
	}
	return a, nil
}

// checkSizes brings every dim of a shape into canonical order.
func (a Attr) checkSizes() (Attr, error) {
	if len(a.Shape) > MaxRank {
		return a, errors.New("shape of " + strconv.Itoa(len(a.Shape)) + " axes; at most " + strconv.Itoa(MaxRank))
	}
	shape := make(Shape, len(a.Shape))
	for i, d := range a.Shape {
		dim, err := ParseDim(string(d))
		if err != nil {
			return a, err
		}
		shape[i] = dim
	}
	a.Shape = shape
	return a, nil
}
