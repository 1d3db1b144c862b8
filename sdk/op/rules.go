package op

import (
	"errors"
	"math"
	"strconv"
)

// broadcast joins two shapes as PyTorch does: aligned at the last axis, where
// the dims of each pair must be equal or one of them 1. Names are compared as
// symbols, so B and K never match, whatever their sizes in one batch.
func broadcast(a, b Shape) (Shape, error) {
	out := make(Shape, max(len(a), len(b)))
	for i := 1; i <= len(out); i++ { // counted from the last axis
		x := fromEnd(a, i)
		y := fromEnd(b, i)
		if x != y && x != "1" && y != "1" {
			return nil, errors.New("shapes " + a.String() + " and " + b.String() + " do not broadcast: " +
				string(x) + " against " + string(y) + " at axis -" + strconv.Itoa(i) + "; want equal dimensions or 1")
		}
		if x == "1" {
			x = y
		}
		out[len(out)-i] = x
	}
	return out, nil
}

// fromEnd is the i-th dim from the end, 1 where the shape has fewer.
func fromEnd(s Shape, i int) Dim {
	if i > len(s) {
		return "1"
	}
	return s[len(s)-i]
}

// wantType returns an error unless v has one of the types.
func wantType(v Value, which string, types ...DType) error {
	list := ""
	for i, t := range types {
		if v.DType == t {
			return nil
		}
		if i > 0 {
			list += " or "
		}
		list += string(t)
	}
	return errors.New(which + " is " + string(v.DType) + "; want " + list)
}

// same returns an error unless both inputs have the same type, one of those
// listed.
func same(in []Value, types ...DType) error {
	if err := wantType(in[0], "first input", types...); err != nil {
		return err
	}
	if in[0].DType != in[1].DType {
		return errors.New("inputs are " + string(in[0].DType) + " and " + string(in[1].DType) + "; want one type (convert with to)")
	}
	return nil
}

// pair is the rule of element-wise ops of two inputs of one type.
func pair(types ...DType) rule {
	return func(in []Value, _ Attrs) (Value, error) {
		if err := same(in, types...); err != nil {
			return Value{}, err
		}
		shape, err := broadcast(in[0].Shape, in[1].Shape)
		return Value{in[0].DType, shape}, err
	}
}

// compare is pair with a bool result.
func compare(types ...DType) rule {
	joined := pair(types...)
	return func(in []Value, a Attrs) (Value, error) {
		v, err := joined(in, a)
		return Value{Bool, v.Shape}, err
	}
}

// inferGlobalMean takes two scalars and gives one.
func inferGlobalMean(in []Value, _ Attrs) (Value, error) {
	for i, which := range []string{"sum", "count"} {
		if in[i].DType != F32 || len(in[i].Shape) > 0 {
			return Value{}, errors.New(which + " is " + in[i].String() + "; want f32 [] (reduce it with sum)")
		}
	}
	return Value{F32, Shape{}}, nil
}

// unary keeps the shape and the type.
func unary(types ...DType) rule {
	return func(in []Value, _ Attrs) (Value, error) {
		return in[0], wantType(in[0], "input", types...)
	}
}

// scalar is the rule of ops of a tensor and the number "value".
func scalar(types ...DType) rule {
	return func(in []Value, a Attrs) (Value, error) {
		if err := wantType(in[0], "input", types...); err != nil {
			return Value{}, err
		}
		return in[0], fits(a.Value(), in[0].DType)
	}
}

// fits returns an error if a tensor of the type cannot hold the number.
func fits(value float64, t DType) error {
	text := strconv.FormatFloat(value, 'g', -1, 64)
	switch {
	case t == I64 && (value != math.Trunc(value) || math.Abs(value) > 1<<53):
		return errors.New("value " + text + " does not fit an i64 tensor; want a whole number")
	case t == Bool && value != 0 && value != 1:
		return errors.New("value " + text + " does not fit a bool tensor; want 0 or 1")
	}
	return nil
}

// compareScalar is scalar with a bool result.
func compareScalar(in []Value, a Attrs) (Value, error) {
	v, err := scalar(F32, I64)(in, a)
	return Value{Bool, v.Shape}, err
}

// counted is the type of a sum: trues are counted, in F32.
func counted(t DType) DType {
	if t == Bool {
		return F32
	}
	return t
}

// reduced is the shape after "dim" (or, without it, every axis) was reduced.
func reduced(shape Shape, a Attrs) Shape {
	axis, one := a.Axis()
	if !one {
		return Shape{}
	}
	out := append(Shape{}, shape[:axis]...)
	if a.KeepDim() {
		out = append(out, "1")
	}
	return append(out, shape[axis+1:]...)
}

// reduction keeps the type, except that sums count trues.
func reduction(result func(DType) DType, types ...DType) rule {
	return func(in []Value, a Attrs) (Value, error) {
		if err := wantType(in[0], "input", types...); err != nil {
			return Value{}, err
		}
		return Value{result(in[0].DType), reduced(in[0].Shape, a)}, nil
	}
}

func unchanged(t DType) DType { return t }
func toIndex(DType) DType     { return I64 }

func inferCumsum(in []Value, _ Attrs) (Value, error) {
	return Value{counted(in[0].DType), in[0].Shape}, nil
}

func inferUnsqueeze(in []Value, a Attrs) (Value, error) {
	axis, _ := a.Axis()
	shape := append(Shape{}, in[0].Shape[:axis]...)
	shape = append(append(shape, "1"), in[0].Shape[axis:]...)
	return Value{in[0].DType, shape}, nil
}

func inferSqueeze(in []Value, a Attrs) (Value, error) {
	axis, _ := a.Axis()
	if d := in[0].Shape[axis]; d != "1" {
		return Value{}, errors.New("axis " + strconv.Itoa(axis) + " of " + in[0].Shape.String() + " is " + string(d) + "; want 1")
	}
	return Value{in[0].DType, reduced(in[0].Shape, Attrs{{Name: "dim", Int: axis}})}, nil
}

func inferExpand(in []Value, a Attrs) (Value, error) {
	shape, err := broadcast(in[0].Shape, a.Shape())
	if err == nil && !shape.Equal(a.Shape()) {
		err = errors.New("shape " + in[0].Shape.String() + " does not expand to " + a.Shape().String())
	}
	return Value{in[0].DType, a.Shape()}, err
}

// inferGather follows torch.gather, but asks for equal dims off the axis.
func inferGather(in []Value, a Attrs) (Value, error) {
	if err := wantType(in[1], "index", I64); err != nil {
		return Value{}, err
	}
	axis, _ := a.Axis()
	x, index := in[0].Shape, in[1].Shape
	fits := len(x) == len(index)
	for i := range x {
		fits = fits && (i == axis || x[i] == index[i])
	}
	if !fits {
		return Value{}, errors.New("index " + index.String() + " does not fit " + x.String() + "; want equal axes except axis " + strconv.Itoa(axis))
	}
	return Value{in[0].DType, index}, nil
}

func inferIndexSelect(in []Value, a Attrs) (Value, error) {
	if err := wantType(in[1], "index", I64); err != nil {
		return Value{}, err
	}
	if len(in[1].Shape) != 1 {
		return Value{}, errors.New("index is " + in[1].Shape.String() + "; want one axis")
	}
	axis, _ := a.Axis()
	shape := append(Shape{}, in[0].Shape...)
	shape[axis] = in[1].Shape[0]
	return Value{in[0].DType, shape}, nil
}

func inferWhere(in []Value, _ Attrs) (Value, error) {
	if err := wantType(in[0], "condition", Bool); err != nil {
		return Value{}, err
	}
	if in[1].DType != in[2].DType {
		return Value{}, errors.New("choices are " + string(in[1].DType) + " and " + string(in[2].DType) + "; want one type (convert with to)")
	}
	shape, err := broadcast(in[1].Shape, in[2].Shape)
	if err == nil {
		shape, err = broadcast(shape, in[0].Shape)
	}
	return Value{in[1].DType, shape}, err
}

func inferWhereScalar(in []Value, a Attrs) (Value, error) {
	if err := wantType(in[1], "condition", Bool); err != nil {
		return Value{}, err
	}
	if err := fits(a.Value(), in[0].DType); err != nil {
		return Value{}, err
	}
	shape, err := broadcast(in[0].Shape, in[1].Shape)
	return Value{in[0].DType, shape}, err
}

func inferMaskedFill(in []Value, a Attrs) (Value, error) {
	v, err := inferWhereScalar(in, a)
	if err == nil && !v.Shape.Equal(in[0].Shape) {
		err = errors.New("mask " + in[1].Shape.String() + " does not broadcast into " + in[0].Shape.String())
	}
	return v, err
}

func inferTo(in []Value, a Attrs) (Value, error) {
	return Value{a.Type(), in[0].Shape}, nil
}

func inferDimSize(_ []Value, _ Attrs) (Value, error) {
	return Value{F32, Shape{}}, nil
}

// segments checks that segment lists one for each entry of x.
func segments(x Value, segment Value) error {
	if err := wantType(segment, "segment", I64); err != nil {
		return err
	}
	if len(segment.Shape) != 1 {
		return errors.New("segment is " + segment.Shape.String() + "; want one axis")
	}
	if len(x.Shape) == 0 || x.Shape[0] != segment.Shape[0] {
		return errors.New("segment " + segment.Shape.String() + " does not list the first axis of " + x.Shape.String())
	}
	return nil
}

func inferSegment(in []Value, a Attrs) (Value, error) {
	if err := wantType(in[0], "input", F32); err != nil {
		return Value{}, err
	}
	if err := segments(in[0], in[1]); err != nil {
		return Value{}, err
	}
	shape := append(Shape{a.Size("segments")}, in[0].Shape[1:]...)
	return Value{F32, shape}, nil
}

func inferSegmentCount(in []Value, a Attrs) (Value, error) {
	return Value{F32, Shape{a.Size("segments")}}, segments(in[0], in[0])
}
