package sdktest

import (
	"slices"

	"llmhost/sdk"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// PoolInputs is a batch as a pooling sees it.
type PoolInputs struct {
	Hidden [][][]float64 // [sequence][token][hidden]
	IDs    [][]int       // [sequence][token]; nil: 10, 11, 12, … in each sequence
	EOS    int           // the id of the end token, -1 where there is none

	// Scattered lays the hidden states out as a host may: in another order than
	// the sequences, with unused states in between.
	Scattered bool
}

// Pooled is what a pooling gives for one batch.
type Pooled struct {
	Output    [][]float64   // [sequence][hidden]
	Gradients [][][]float64 // of the sum of Output, laid out as PoolInputs.Hidden
}

// Pool traces the pooling and runs it over one batch. It panics as Run does.
func Pool(pooling sdk.Pooling, in PoolInputs) Pooled {
	out, err := PoolErr(pooling, in)
	if err != nil {
		panic(err)
	}
	return out
}

// PoolErr is Pool for tests of failures.
func PoolErr(pooling sdk.Pooling, in PoolInputs) (Pooled, error) {
	p, err := TracePooling(pooling)
	if err != nil {
		return Pooled{}, err
	}
	e, err := p.Evaluate(in.Arguments())
	if err != nil {
		return Pooled{}, err
	}
	out := e.Values[p.Output]
	ones := each(out.Data, func(float64) float64 { return 1 })
	return Pooled{rowsOf(out.Data, in.width()), in.Unpacked(e.Gradient(map[int][]float64{p.Output: ones})["hidden"])}, nil
}

// width is the number of elements of a hidden state.
func (in PoolInputs) width() int {
	for _, states := range in.Hidden {
		for _, state := range states {
			return len(state)
		}
	}
	return 1
}

// places says where each token of the batch is stored, in the sequences' order, and
// how many states are stored.
func (in PoolInputs) places() (place []int, stored int) {
	for _, states := range in.Hidden {
		for range states {
			place = append(place, len(place))
		}
	}
	if !in.Scattered {
		return place, len(place)
	}
	for i := range place { // from the end, and every second one is unused
		place[i] = 2*(len(place)-i) - 1
	}
	return place, 2*len(place) + 1
}

// Arguments lays the batch out as a program reads it. Unused states hold 1000,
// so that reading them shows.
func (in PoolInputs) Arguments() Arguments {
	width := in.width()
	place, stored := in.places()
	hidden := NewArray(op.F32, stored, width)
	for i := range hidden.Data {
		hidden.Data[i] = 1000
	}
	token := NewArray(op.I64, len(place))
	sequence := NewArray(op.I64, len(place))
	ids := NewArray(op.I64, len(place))
	at := 0
	for n, states := range in.Hidden {
		for i, state := range states {
			copy(hidden.Data[place[at]*width:], state)
			token.Data[at], sequence.Data[at], ids.Data[at] = float64(place[at]), float64(n), float64(10+i)
			if in.IDs != nil {
				ids.Data[at] = float64(in.IDs[n][i])
			}
			at++
		}
	}
	return Arguments{
		Inputs: map[string]Array{
			"hidden":       hidden,
			"token":        token,
			"sequence":     sequence,
			"ids":          ids,
			"eos_token_id": Scalar(op.I64, float64(in.EOS)),
		},
		Sizes: map[string]int64{
			"P": int64(stored),
			"H": int64(width),
			"M": int64(len(place)),
			"N": int64(len(in.Hidden)),
		},
	}
}

// Unpacked splits an array of stored states into the layout of Hidden.
func (in PoolInputs) Unpacked(data []float64) [][][]float64 {
	place, _ := in.places()
	width := in.width()
	out := make([][][]float64, len(in.Hidden))
	at := 0
	for n, states := range in.Hidden {
		for range states {
			out[n] = append(out[n], data[place[at]*width:][:width])
			at++
		}
	}
	return out
}

func rowsOf(data []float64, width int) [][]float64 {
	var rows [][]float64
	for len(data) > 0 {
		rows = append(rows, data[:width])
		data = data[width:]
	}
	return rows
}

// Summed returns the program of a pooling with one more node, the sum of its
// output with a different weight for each element, and that node's value. The
// weights keep gradients of different elements from cancelling out.
func (p *Traced) Summed() (*Traced, int) {
	more := *p.Program
	more.Nodes = slices.Clone(p.Nodes)
	add := func(name string, out op.Value, attrs op.Attrs, in ...int) int {
		more.Nodes = append(more.Nodes, program.Node{
			Op:    name,
			In:    in,
			Attrs: attrs,
			Out:   out,
		})
		return len(more.Inputs) + len(more.Nodes) - 1
	}
	flat := op.Value{DType: op.F32, Shape: p.Value(p.Output).Shape}
	axis := func(i int) op.Attrs {
		return op.Attrs{{
			Name: "dim",
			Kind: op.Axis,
			Int:  i,
		}}
	}
	ones := add("ones_like", flat, nil, p.Output)
	weights := add("cumsum", flat, axis(1), add("cumsum", flat, axis(0), ones))
	total := add("sum", op.Value{DType: op.F32}, nil, add("mul", flat, nil, p.Output, weights))
	return &Traced{Program: &more, Places: p.Places, Optional: p.Optional}, total
}

// String writes the batch so that it can be copied into a test.
func (in PoolInputs) String() string {
	text := "Hidden: " + nested(in.Hidden)
	if in.IDs != nil {
		text += ", IDs: " + nested(in.IDs)
	}
	return text + ", EOS: " + nested(in.EOS)
}
