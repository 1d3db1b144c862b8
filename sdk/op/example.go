package op

// draw is a sample of the given type, bounds and shape.
func draw(t DType, low, high float64, shape ...Dim) Sample {
	return Sample{Value: Value{DType: t, Shape: shape}, Low: low, High: high}
}

func number(v float64) Attr {
	return Attr{
		Name:  "value",
		Kind:  Number,
		Float: v,
	}
}
func bound(v float64) Attr { return Attr{Name: "value", Kind: Fill, Float: v} }
func along(axis int) Attr  { return Attr{Name: "dim", Kind: Axis, Int: axis} }

// one is an example with one F32 input of two axes.
func one(low, high float64, attrs ...Attr) []Example {
	return []Example{{In: []Sample{draw(F32, low, high, "2", "3")}, Attrs: attrs}}
}

// eachPair is a pair of equal shapes and one that broadcasts both sides.
func eachPair(low, high float64) []Example {
	return []Example{
		{In: []Sample{draw(F32, low, high, "2", "3"), draw(F32, low, high, "2", "3")}},
		{In: []Sample{draw(F32, low, high, "2", "1", "3"), draw(F32, low, high, "4", "1")}},
	}
}

// reductions reduces everything, one axis, and one axis that stays.
func reductions(low, high float64) []Example {
	in := []Sample{draw(F32, low, high, "2", "4", "3")}
	return []Example{
		{In: in},
		{In: in, Attrs: Attrs{along(1)}},
		{In: in, Attrs: Attrs{along(-1), {
			Name: "keepdim",
			Kind: Flag,
			Bool: true,
		}}},
	}
}

func logicalReductions() []Example {
	in := []Sample{draw(Bool, 0, 1, "2", "3")}
	return []Example{{In: in}, {In: in, Attrs: Attrs{along(0)}}}
}

// masked is an F32 input with a mask that broadcasts.
func masked(value float64) []Example {
	return []Example{{In: []Sample{draw(F32, -2, 2, "2", "3"), draw(Bool, 0, 1, "2", "1")}, Attrs: Attrs{bound(value)}}}
}

// whole is a pair of inputs of whole numbers, so that equal elements occur.
func whole() []Example {
	return []Example{{In: []Sample{draw(I64, -1, 1, "3", "1"), draw(I64, -1, 1, "4")}}}
}

func logical() []Example {
	return []Example{{In: []Sample{draw(Bool, 0, 1, "3", "1"), draw(Bool, 0, 1, "4")}}}
}

// intoSegments draws entries of three segments.
func intoSegments() []Example {
	return []Example{{
		In:    []Sample{draw(F32, -2, 2, "6", "2"), draw(I64, 0, 2, "6")},
		Attrs: Attrs{{Name: "segments", Kind: Size, Dim: "N"}},
		Sizes: map[string]int64{"N": 3},
	}}
}
