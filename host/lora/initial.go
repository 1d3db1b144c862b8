package lora

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Init is how the weights of a new adapter begin, PEFT's init_lora_weights. The
// zero value is PEFT's default, true: A is drawn uniformly between ±1/√in (He et
// al. 2015 with PyTorch's slope √5), and B is 0.
type Init string

// The other ways to begin that llmhost knows.
const (
	Random     Init = "false"      // B is drawn as A is
	Gaussian   Init = "gaussian"   // A from N(0, 1/r²), B is 0
	Orthogonal Init = "orthogonal" // A and B of orthogonal halves of a space of r
	PiSSA      Init = "pissa"      // the largest singular values of the weight, which loses them (Meng et al. 2024, arXiv:2404.02948)
	OLoRA      Init = "olora"      // the first columns of the weight's QR, which loses them (Büyükakyüz 2024, arXiv:2406.01775)
	MiCA       Init = "mica"       // B of the smallest singular values, frozen, A is 0
	EVA        Init = "eva"        // of the inputs of a data set (Paischer et al. 2024, arXiv:2410.07170)
)

// begin says what llmhost does with a value of init_lora_weights.
type begin struct {
	value string
	why   string // for PEFT.md and the error
	open  bool   // an adapter that was made so is opened
	make  bool   // a new adapter is made so
}

// begins are the values that PEFT 0.21 knows.
var begins = []begin{
	{"true", "A is drawn, B is 0", true, true},
	{string(Random), "A and B are drawn", true, true},
	{string(Gaussian), "A is drawn from a normal distribution, B is 0", true, true},
	{string(Orthogonal), "A and B of orthogonal halves; r must be even", true, true},
	{string(PiSSA), "the largest singular values move from the weight to the adapter, at every opening; not with `load_in_4bit`", true, true},
	{string(OLoRA), "the first columns of the weight's QR decomposition move to the adapter, at every opening; not with `load_in_4bit`", true, true},
	{string(MiCA), "B of the smallest singular values, frozen; not with `load_in_4bit` or `use_dora`", true, true},
	{string(EVA), "it begins with a pass over data that llmhost does not make", true, false},
	{niter, "PEFT finds the singular values with random numbers, so that no second model fits the adapter exactly", false, false},
	{"corda", "the weights below it changed by a pass over data that no file holds", false, false},
	{"loftq", "the weights below it are rounded as LoftQ does, which llmhost does not do", false, false},
	{"lora_ga", "the weights below it changed by gradients of data that no file holds", false, false},
}

// iterations are those of pissa_niter_N.
var iterations = regexp.MustCompile(`^pissa_niter_\d+$`)

const niter = "pissa_niter_[number of iters]" // as PEFT writes it

// of finds what becomes of a value, which is known.
func (i Init) of() begin {
	name := string(i)
	switch {
	case i == "":
		name = "true"
	case iterations.MatchString(name):
		name = niter
	}
	at := slices.IndexFunc(begins, func(b begin) bool { return b.value == name })
	return begins[at]
}

// known tells whether i is the name of a way to begin.
func (i Init) known() bool {
	return iterations.MatchString(string(i)) || string(i) != niter && slices.Contains(initNames(), string(i))
}

// initNames are the names that PEFT knows, without true and false.
func initNames() (names []string) {
	for _, b := range begins[2:] {
		names = append(names, b.value)
	}
	return names
}

// UnmarshalJSON reads a bool or a name.
func (i *Init) UnmarshalJSON(text []byte) error {
	switch {
	case bytes.Equal(text, []byte("true")):
		*i = ""
		return nil
	case bytes.Equal(text, []byte("false")):
		*i = Random
		return nil
	}
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return err
	}
	if lower := strings.ToLower(name); lower == string(Gaussian) || lower == string(OLoRA) {
		name = lower // as PEFT reads these two
	}
	if *i = Init(name); !i.known() {
		return fmt.Errorf("init_lora_weights is %q", name)
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (i Init) MarshalJSON() ([]byte, error) {
	switch i {
	case "":
		return []byte("true"), nil
	case Random:
		return []byte("false"), nil
	}
	return json.Marshal(string(i))
}

// changesBase tells whether the adapter stands on another weight than the base's.
func (i Init) changesBase() bool { return i == PiSSA || i == OLoRA }

// reads tells whether the adapter begins with parts of the weight itself.
func (i Init) reads() bool { return i.changesBase() || i == MiCA }

const convert = "in PEFT, save_pretrained(FOLDER, path_initial_model_for_weight_conversion=…) makes a plain adapter of it"

// checkInit reports an init_lora_weights that an adapter cannot be opened with.
func (c Config) checkInit() error {
	b := c.Init.of()
	switch {
	case !b.open && c.Init != "loftq":
		return fmt.Errorf("init_lora_weights is %q, which llmhost does not do: %s; %s", c.Init, b.why, convert)
	case !b.open:
		return fmt.Errorf("init_lora_weights is %q, which llmhost does not do: %s", c.Init, b.why)
	case c.Init == MiCA && c.DoRA:
		return fmt.Errorf("init_lora_weights is %q and use_dora is true, which PEFT does not combine; want one of them", c.Init)
	case c.Init != PiSSA:
		return nil
	}
	for _, alpha := range append(c.AlphaPattern, Pattern[float64]{Value: c.Alpha}) {
		if alpha.Value <= 0 {
			return fmt.Errorf("init_lora_weights is %q and lora_alpha is %v somewhere; want it above 0, as its root is taken", c.Init, alpha.Value)
		}
	}
	return nil
}

// checkNew reports an init_lora_weights that no new adapter can begin with.
func (c Config) checkNew() error {
	if err := c.Check(); err != nil {
		return err
	}
	if b := c.Init.of(); !b.make {
		return fmt.Errorf("init_lora_weights is %q, which llmhost opens but does not make: %s; want true, or another of PEFT's", c.Init, b.why)
	}
	return nil
}

// pair is A [rank, in] and B [out, rank], owned.
type pair struct{ a, b tensor.Tensor }

func (p pair) free() {
	p.a.Free()
	p.b.Free()
}

// initial makes the weights that the adapter of a map begins with. Random
// numbers are drawn on the CPU, so that a seed gives the same ones everywhere.
func (c Config) initial(l *nn.Linear, rank int, scale float64) (p pair, err error) {
	if c.Init.reads() && !l.Weight.Defined() {
		return p, fmt.Errorf("init_lora_weights is %q, and load_in_4bit keeps %s in 4 bits; want one of them", c.Init, l.Name)
	}
	r, out, in := int64(rank), l.Size(0), l.Size(1)
	switch {
	case c.Init == Orthogonal && r%2 != 0:
		return p, fmt.Errorf("init_lora_weights is %q and the rank of %s is %d; want it even", c.Init, l.Name, r)
	case c.Init == MiCA && r > min(out, in):
		return p, fmt.Errorf("init_lora_weights is %q and the rank of %s is %d; want at most the %d singular values of the map", c.Init, l.Name, r, min(out, in))
	}
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			p.a, p.b = c.Init.draw(l, r, scale)
			p = pair{p.a.Contiguous().ToDevice(l.Device()).Own(), p.b.Contiguous().ToDevice(l.Device()).Own()}
		})
	})
	return p, nil
}

// draw makes A and B in the scope of the caller.
func (i Init) draw(l *nn.Linear, r int64, scale float64) (a, b tensor.Tensor) {
	out, in := l.Size(0), l.Size(1)
	uniform := func(rows, cols int64) tensor.Tensor {
		bound := 1 / math.Sqrt(float64(cols))
		return tensor.Uniform(tensor.CPU, tensor.Float32, -bound, bound, rows, cols)
	}
	zeros := func(rows, cols int64) tensor.Tensor { return tensor.Zeros(tensor.CPU, tensor.Float32, rows, cols) }
	switch i {
	case Random:
		return uniform(r, in), uniform(out, r)
	case Gaussian:
		return tensor.Randn(tensor.CPU, tensor.Float32, 1/float64(r), r, in), zeros(out, r)
	case Orthogonal:
		return orthogonal(r, out, in)
	case PiSSA:
		u, s, vh := l.Whole(tensor.Float32).SVD()
		k := min(r, s.Size(0)) // as PEFT, whose file has the smaller rank too
		root := s.Narrow(0, 0, k).DivScalar(scale).Sqrt()
		return root.Unsqueeze(1).Mul(vh.Narrow(0, 0, k)), u.Narrow(1, 0, k).Mul(root)
	case OLoRA:
		q, triangle := l.Whole(tensor.Float32).QR()
		k := min(r, q.Size(1))
		return triangle.Narrow(0, 0, k), q.Narrow(1, 0, k)
	case MiCA:
		u, s, _ := l.Whole(tensor.Float32).SVD()
		return zeros(r, in), u.Narrow(1, s.Size(0)-r, r)
	}
	return uniform(r, in), zeros(out, r)
}

// orthogonal draws A and B from the even and the odd rows of an orthogonal matrix
// [r, r], so that B A is 0.
func orthogonal(r, out, in int64) (a, b tensor.Tensor) {
	const shrink = 10 // PEFT's
	randn := func(rows, cols int64) tensor.Tensor { return tensor.Randn(tensor.CPU, tensor.Float32, 1, rows, cols) }
	q, _ := randn(r, r).QR()
	half := q.View(r/2, 2, r)
	first, second := half.Narrow(1, 0, 1).Reshape(r/2, r), half.Narrow(1, 1, 1).Reshape(r/2, r)
	a = randn(in, r/2).Matmul(first).Transpose(0, 1).DivScalar(shrink)
	b = randn(r/2, out).Transpose(0, 1).Matmul(second).DivScalar(shrink)
	return a, b
}

// takeFrom takes scale · B A off the map's weight.
func (p pair) takeFrom(l *nn.Linear, scale float64) {
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			rest := l.Whole(tensor.Float32).Sub(p.b.MulScalar(scale).Matmul(p.a))
			l.Weight.CopyTensor(rest.To(l.Weight.DType()))
		})
	})
}
