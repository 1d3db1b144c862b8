package tensor

import lib "github.com/sugarme/gotch/libtch"

type other struct{}

func (other) AtgOfNobody() {}

func Add(out *lib.Ctensor, x, y lib.Ctensor) {
	lib.AtgAdd(out, x, y)
	lib.AtFree(x)
	other{}.AtgOfNobody()
}

var table = map[string]any{"gone": lib.AtgGone}
