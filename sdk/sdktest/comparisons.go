package sdktest

// comparisons holds the ops with a bool result. No gradient flows through them.
var comparisons = map[string]rule{
	"eq": compare(func(x, y float64) bool { return x == y }),
	"ne": compare(func(x, y float64) bool { return x != y }),
	"lt": compare(func(x, y float64) bool { return x < y }),
	"le": compare(func(x, y float64) bool { return x <= y }),
	"gt": compare(func(x, y float64) bool { return x > y }),
	"ge": compare(func(x, y float64) bool { return x >= y }),

	"eq_scalar": compareScalar(func(x, v float64) bool { return x == v }),
	"ne_scalar": compareScalar(func(x, v float64) bool { return x != v }),
	"lt_scalar": compareScalar(func(x, v float64) bool { return x < v }),
	"le_scalar": compareScalar(func(x, v float64) bool { return x <= v }),
	"gt_scalar": compareScalar(func(x, v float64) bool { return x > v }),
	"ge_scalar": compareScalar(func(x, v float64) bool { return x >= v }),

	"logical_and": compare(func(x, y float64) bool { return x != 0 && y != 0 }),
	"logical_or":  compare(func(x, y float64) bool { return x != 0 || y != 0 }),
	"logical_not": {forward: func(c *call) []float64 {
		return each(c.in[0].Data, func(x float64) float64 { return truth(x == 0) })
	}},
}

func compare(f func(x, y float64) bool) rule {
	return rule{forward: pair(func(x, y float64) float64 { return truth(f(x, y)) }, nil).forward}
}

func compareScalar(f func(x, v float64) bool) rule {
	return rule{forward: scalar(func(x, v float64) float64 { return truth(f(x, v)) }, nil).forward}
}
