package op_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk/op"
)

var update = flag.Bool("update", false, "write the op table into sdk/README.md")

// parse reads "f32 [B, K]".
func parse(text string) op.Value {
	dtype, shape, _ := strings.Cut(text, " ")
	v := op.Value{DType: op.DType(dtype), Shape: op.Shape{}}
	for _, d := range strings.Split(strings.Trim(shape, "[]"), ", ") {
		if d != "" {
			v.Shape = append(v.Shape, op.Dim(d))
		}
	}
	return v
}

func dim(n int) op.Attr        { return op.Attr{Name: "dim", Kind: op.Axis, Int: n} }
func newAxis(n int) op.Attr    { return op.Attr{Name: "dim", Kind: op.NewAxis, Int: n} }
func keep() op.Attr            { return op.Attr{Name: "keepdim", Kind: op.Flag, Bool: true} }
func number(v float64) op.Attr { return op.Attr{Name: "value", Kind: op.Number, Float: v} }
func fill(v float64) op.Attr   { return op.Attr{Name: "value", Kind: op.Fill, Float: v} }
func into(d op.Dim) op.Attr    { return op.Attr{Name: "segments", Kind: op.Size, Dim: d} }

func shape(dims ...op.Dim) op.Attr {
	return op.Attr{Name: "shape", Kind: op.Sizes, Shape: dims}
}

func dtype(t op.DType) op.Attr { return op.Attr{Name: "dtype", Kind: op.Type, DType: t} }

// rules says for every op what comes out, or which sentence.
var rules = []struct {
	op    string
	in    []string
	attrs op.Attrs
	want  string // the output, or after "!" the error
}{
	{"add", []string{"f32 [B, K]", "f32 [B, K]"}, nil, "f32 [B, K]"},
	{"add", []string{"f32 [B, 1, T]", "f32 [K, 1]"}, nil, "f32 [B, K, T]"},
	{"add", []string{"f32 []", "f32 [B]"}, nil, "f32 [B]"},
	{"add", []string{"i64 [B]", "i64 [B]"}, nil, "i64 [B]"},
	{"add", []string{"f32 [B, K]", "f32 [B, T]"}, nil, "!add: shapes [B, K] and [B, T] do not broadcast: K against T at axis -1; want equal dimensions or 1"},
	{"add", []string{"f32 [B, K]", "f32 [B]"}, nil, "!add: shapes [B, K] and [B] do not broadcast: K against B at axis -1; want equal dimensions or 1"},
	{"add", []string{"f32 [B]", "i64 [B]"}, nil, "!add: inputs are f32 and i64; want one type (convert with to)"},
	{"add", []string{"bool [B]", "bool [B]"}, nil, "!add: first input is bool; want f32 or i64"},
	{"add", []string{"f32 [B]"}, nil, "!add: has 1 inputs; want 2"},
	{"add", []string{"f32 [B]", "f32 [B]"}, op.Attrs{dim(0)}, `!add: has no attribute "dim"`},
	{"sub", []string{"f32 [B, 1]", "f32 [1, K]"}, nil, "f32 [B, K]"},
	{"mul", []string{"f32 [B]", "f32 []"}, nil, "f32 [B]"},
	{"div", []string{"f32 [B]", "f32 [B]"}, nil, "f32 [B]"},
	{"div", []string{"i64 [B]", "i64 [B]"}, nil, "!div: first input is i64; want f32"},
	{"minimum", []string{"f32 [B]", "f32 [1]"}, nil, "f32 [B]"},
	{"maximum", []string{"i64 [B]", "i64 []"}, nil, "i64 [B]"},
	{"pow", []string{"f32 [B]", "f32 [B]"}, nil, "f32 [B]"},
	{"add_scalar", []string{"f32 [B]"}, op.Attrs{number(0.5)}, "f32 [B]"},
	{"add_scalar", []string{"i64 [B]"}, op.Attrs{number(0.5)}, "!add_scalar: value 0.5 does not fit an i64 tensor; want a whole number"},
	{"add_scalar", []string{"f32 [B]"}, nil, "!add_scalar: attribute value is missing"},
	{"sub_scalar", []string{"i64 [B]"}, op.Attrs{number(2)}, "i64 [B]"},
	{"mul_scalar", []string{"f32 []"}, op.Attrs{number(2)}, "f32 []"},
	{"div_scalar", []string{"f32 [B]"}, op.Attrs{number(2)}, "f32 [B]"},
	{"pow_scalar", []string{"f32 [B]"}, op.Attrs{number(2)}, "f32 [B]"},
	{"pow_scalar", []string{"bool [B]"}, op.Attrs{number(2)}, "!pow_scalar: input is bool; want f32"},
	{"neg", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"abs", []string{"i64 [B]"}, nil, "i64 [B]"},
	{"exp", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"exp", []string{"i64 [B]"}, nil, "!exp: input is i64; want f32"},
	{"log", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"expm1", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"log1p", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"global_mean", []string{"f32 []", "f32 []"}, nil, "f32 []"},
	{"global_mean", []string{"f32 [B]", "f32 []"}, nil, "!global_mean: sum is f32 [B]; want f32 [] (reduce it with sum)"},
	{"global_mean", []string{"f32 []", "i64 []"}, nil, "!global_mean: count is i64 []; want f32 [] (reduce it with sum)"},
	{"sqrt", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"square", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"relu", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"sigmoid", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"logsigmoid", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"clamp_min", []string{"f32 [B]"}, op.Attrs{number(1)}, "f32 [B]"},
	{"clamp_max", []string{"i64 [B]"}, op.Attrs{number(1)}, "i64 [B]"},
	{"sum", []string{"f32 [B, K, T]"}, nil, "f32 []"},
	{"sum", []string{"f32 [B, K, T]"}, op.Attrs{dim(-1)}, "f32 [B, K]"},
	{"sum", []string{"i64 [B, K, T]"}, op.Attrs{dim(1), keep()}, "i64 [B, 1, T]"},
	{"sum", []string{"bool [B]"}, nil, "f32 []"},
	{"sum", []string{"f32 [B]"}, op.Attrs{dim(1)}, "!sum: axis 1 is out of range for 1 axes"},
	{"sum", []string{"f32 []"}, op.Attrs{dim(-1)}, "!sum: axis -1 is out of range for 0 axes"},
	{"sum", []string{"f32 [B]"}, op.Attrs{keep()}, "!sum: attribute keepdim means nothing without dim"},
	{"mean", []string{"f32 [B, K]"}, op.Attrs{dim(0)}, "f32 [K]"},
	{"mean", []string{"bool [B]"}, nil, "!mean: input is bool; want f32"},
	{"amax", []string{"f32 [B, K]"}, op.Attrs{dim(1)}, "f32 [B]"},
	{"amin", []string{"i64 [B, K]"}, nil, "i64 []"},
	{"any", []string{"bool [B, K]"}, op.Attrs{dim(1)}, "bool [B]"},
	{"all", []string{"bool [B, K]"}, nil, "bool []"},
	{"all", []string{"f32 [B, K]"}, nil, "!all: input is f32; want bool"},
	{"argmax", []string{"f32 [B, K]"}, op.Attrs{dim(1)}, "i64 [B]"},
	{"argmax", []string{"f32 [B, K]"}, nil, "!argmax: attribute dim is missing"},
	{"argmin", []string{"f32 [B, K]"}, op.Attrs{dim(-1), keep()}, "i64 [B, 1]"},
	{"logsumexp", []string{"f32 [B, K]"}, op.Attrs{dim(0)}, "f32 [K]"},
	{"cumsum", []string{"bool [B, K]"}, op.Attrs{dim(0)}, "f32 [B, K]"},
	{"unsqueeze", []string{"f32 [B, K]"}, op.Attrs{newAxis(-1)}, "f32 [B, K, 1]"},
	{"unsqueeze", []string{"f32 [B, K]"}, op.Attrs{newAxis(0)}, "f32 [1, B, K]"},
	{"unsqueeze", []string{"f32 [1, 1, 1, 1, 1, 1, 1, 1]"}, op.Attrs{newAxis(0)}, "!unsqueeze: result has 9 axes; at most 8"},
	{"squeeze", []string{"f32 [B, 1, K]"}, op.Attrs{dim(1)}, "f32 [B, K]"},
	{"squeeze", []string{"f32 [B, K]"}, op.Attrs{dim(1)}, "!squeeze: axis 1 of [B, K] is K; want 1"},
	{"expand", []string{"f32 [B, 1]"}, op.Attrs{shape("T", "B", "K*2")}, "f32 [T, B, 2*K]"},
	{"expand", []string{"f32 [B, K]"}, op.Attrs{shape("B", "1")}, "!expand: shape [B, K] does not expand to [B, 1]"},
	{"expand", []string{"f32 [B, K]"}, op.Attrs{shape("B", "T")}, "!expand: shapes [B, K] and [B, T] do not broadcast: K against T at axis -1; want equal dimensions or 1"},
	{"expand", []string{"f32 [B]"}, op.Attrs{shape("b")}, `!expand: dimension "b" is neither a number above 0, a name, nor a product of them`},
	{"gather", []string{"f32 [B, K]", "i64 [B, 1]"}, op.Attrs{dim(1)}, "f32 [B, 1]"},
	{"gather", []string{"f32 [B, K]", "i64 [B]"}, op.Attrs{dim(1)}, "!gather: index [B] does not fit [B, K]; want equal axes except axis 1"},
	{"gather", []string{"f32 [B, K]", "f32 [B, 1]"}, op.Attrs{dim(1)}, "!gather: index is f32; want i64"},
	{"index_select", []string{"f32 [P, H]", "i64 [M]"}, op.Attrs{dim(0)}, "f32 [M, H]"},
	{"index_select", []string{"f32 [P, H]", "i64 [M, 1]"}, op.Attrs{dim(0)}, "!index_select: index is [M, 1]; want one axis"},
	{"where", []string{"bool [B, 1]", "f32 [K]", "f32 []"}, nil, "f32 [B, K]"},
	{"where", []string{"f32 [B]", "f32 [B]", "f32 [B]"}, nil, "!where: condition is f32; want bool"},
	{"where", []string{"bool [B]", "f32 [B]", "i64 [B]"}, nil, "!where: choices are f32 and i64; want one type (convert with to)"},
	{"where_scalar", []string{"f32 [B]", "bool [K, 1]"}, op.Attrs{fill(0)}, "f32 [K, B]"},
	{"where_scalar", []string{"bool [B]", "bool [B]"}, op.Attrs{fill(2)}, "!where_scalar: value 2 does not fit a bool tensor; want 0 or 1"},
	{"masked_fill", []string{"f32 [B, K]", "bool [K]"}, op.Attrs{fill(0)}, "f32 [B, K]"},
	{"masked_fill", []string{"f32 [B, 1]", "bool [B, K]"}, op.Attrs{fill(0)}, "!masked_fill: mask [B, K] does not broadcast into [B, 1]"},
	{"eq", []string{"bool [B]", "bool []"}, nil, "bool [B]"},
	{"ne", []string{"i64 [B]", "i64 [B]"}, nil, "bool [B]"},
	{"lt", []string{"f32 [B, 1]", "f32 [K]"}, nil, "bool [B, K]"},
	{"lt", []string{"bool [B]", "bool [B]"}, nil, "!lt: first input is bool; want f32 or i64"},
	{"le", []string{"f32 [B]", "f32 [B]"}, nil, "bool [B]"},
	{"gt", []string{"f32 [B]", "f32 [B]"}, nil, "bool [B]"},
	{"ge", []string{"f32 [B]", "f32 [B]"}, nil, "bool [B]"},
	{"eq_scalar", []string{"i64 [B]"}, op.Attrs{fill(2)}, "bool [B]"},
	{"ne_scalar", []string{"f32 [B]"}, op.Attrs{fill(2)}, "bool [B]"},
	{"lt_scalar", []string{"f32 [B]"}, op.Attrs{fill(2)}, "bool [B]"},
	{"le_scalar", []string{"f32 [B]"}, op.Attrs{fill(2)}, "bool [B]"},
	{"gt_scalar", []string{"f32 [B]"}, op.Attrs{fill(2)}, "bool [B]"},
	{"ge_scalar", []string{"f32 [B]"}, op.Attrs{fill(2)}, "bool [B]"},
	{"logical_and", []string{"bool [B, 1]", "bool [K]"}, nil, "bool [B, K]"},
	{"logical_and", []string{"f32 [B]", "f32 [B]"}, nil, "!logical_and: first input is f32; want bool"},
	{"logical_or", []string{"bool [B]", "bool [B]"}, nil, "bool [B]"},
	{"logical_not", []string{"bool [B]"}, nil, "bool [B]"},
	{"to", []string{"bool [B]"}, op.Attrs{dtype(op.F32)}, "f32 [B]"},
	{"to", []string{"bool [B]"}, op.Attrs{dtype("f64")}, `!to: attribute dtype is "f64"; want f32, i64 or bool`},
	{"detach", []string{"f32 [B]"}, nil, "f32 [B]"},
	{"zeros_like", []string{"i64 [B]"}, nil, "i64 [B]"},
	{"ones_like", []string{"bool [B]"}, nil, "bool [B]"},
	{"dim_size", nil, op.Attrs{{Name: "dim", Kind: op.Size, Dim: "B"}}, "f32 []"},
	{"segment_sum", []string{"f32 [M, H]", "i64 [M]"}, op.Attrs{into("N")}, "f32 [N, H]"},
	{"segment_sum", []string{"f32 [P, H]", "i64 [M]"}, op.Attrs{into("N")}, "!segment_sum: segment [M] does not list the first axis of [P, H]"},
	{"segment_max", []string{"f32 [M]", "i64 [M]"}, op.Attrs{into("N")}, "f32 [N]"},
	{"segment_max", []string{"f32 [M]", "f32 [M]"}, op.Attrs{into("N")}, "!segment_max: segment is f32; want i64"},
	{"segment_count", []string{"i64 [M]"}, op.Attrs{into("N")}, "f32 [N]"},
	{"segment_count", []string{"i64 [M, 1]"}, op.Attrs{into("N")}, "!segment_count: segment is [M, 1]; want one axis"},
}

func TestRules(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range rules {
		row, found := op.Find(c.op)
		require.True(t, found, c.op)
		var in []op.Value
		for _, text := range c.in {
			in = append(in, parse(text))
		}
		out, _, err := row.Check(in, c.attrs)
		if want, wrong := strings.CutPrefix(c.want, "!"); wrong {
			require.EqualError(t, err, want, "%s%v", c.op, c.in)
			continue
		}
		require.NoError(t, err, "%s%v", c.op, c.in)
		require.Equal(t, c.want, out.String(), "%s%v", c.op, c.in)
		covered[c.op] = true
	}
	for _, row := range op.Table() {
		require.True(t, covered[row.Name], "op %s has no rule test", row.Name)
	}
}

func TestCheckMakesAttributesCanonical(t *testing.T) {
	row, _ := op.Find("sum")
	_, attrs, err := row.Check([]op.Value{parse("f32 [B, K]")}, op.Attrs{dim(-1)})
	require.NoError(t, err)
	axis, has := attrs.Axis()
	require.True(t, has)
	require.Equal(t, 1, axis, "axes count from 0")
	require.Len(t, attrs, 2, "keepdim is spelt out")
	require.False(t, attrs.KeepDim())
}

func TestTableIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range op.Table() {
		require.False(t, seen[row.Name], row.Name)
		seen[row.Name] = true
		require.NotEmpty(t, row.Doc, row.Name)
		require.True(t, row.Since >= 1 && row.Since <= op.Level, row.Name)
		require.NotEmpty(t, row.Examples, row.Name)
		for _, e := range row.Examples {
			var in []op.Value
			floats := 0
			for _, s := range e.In {
				in = append(in, s.Value)
				require.LessOrEqual(t, s.Low, s.High, row.Name)
				if s.DType == op.F32 {
					floats++
				}
			}
			out, _, err := row.Check(in, e.Attrs)
			require.NoError(t, err, row.Name)
			_, err = out.Shape.Elements(e.Sizes)
			require.NoError(t, err, row.Name)
			if row.Differentiable {
				require.Positive(t, floats, "%s: an example of a differentiable op has an f32 input", row.Name)
				require.Equal(t, op.F32, out.DType, row.Name)
			}
		}
	}
}

// readmeTable is the op table as sdk/README.md shows it.
func readmeTable() string {
	var b strings.Builder
	b.WriteString("| op | inputs | attributes | since | gradient | meaning | shapes, for example |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	kinds := map[op.Kind]string{op.Axis: "axis", op.NewAxis: "axis", op.Flag: "flag", op.Number: "number", op.Fill: "number or inf", op.Type: "dtype", op.Size: "dim", op.Sizes: "list of dims"}
	for _, row := range op.Table() {
		var attrs []string
		for _, a := range row.Attrs {
			text := a.Name + ": " + kinds[a.Kind]
			if a.Optional {
				text += "?"
			}
			attrs = append(attrs, text)
		}
		gradient := "no"
		if row.Differentiable {
			gradient = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %d | %s | %s | %s |\n", row.Name, strings.Join(row.Inputs, ", "), strings.Join(attrs, ", "), row.Since, gradient, strings.ReplaceAll(row.Doc, "|", "\\|"), shapesOf(row.Name))
	}
	return b.String()
}

// shapesOf is the most telling case of rules: the longest one that is no error.
func shapesOf(name string) (longest string) {
	for _, r := range rules {
		if r.op != name || strings.HasPrefix(r.want, "!") {
			continue
		}
		text := strings.Join(r.in, ", ")
		for _, a := range r.attrs {
			switch a.Kind {
			case op.Axis, op.NewAxis:
				text += fmt.Sprintf(", %s %d", a.Name, a.Int)
			case op.Flag:
				text += strings.Repeat(", "+a.Name, map[bool]int{true: 1}[a.Bool])
			case op.Type:
				text += fmt.Sprintf(", %s %s", a.Name, a.DType)
			case op.Size:
				text += fmt.Sprintf(", %s %s", a.Name, a.Dim)
			case op.Sizes:
				text += fmt.Sprintf(", %s %v", a.Name, a.Shape)
			}
		}
		if text = strings.TrimPrefix(text+" → "+r.want, ", "); len(text) > len(longest) {
			longest = text
		}
	}
	return longest
}

func TestReadmeShowsTheTable(t *testing.T) {
	const path, begin, end = "../README.md", "<!-- ops begin -->\n", "<!-- ops end -->"
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(data), begin)
	require.True(t, found, "README.md lacks %q", begin)
	table, after, found := strings.Cut(rest, end)
	require.True(t, found, "README.md lacks %q", end)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+begin+readmeTable()+end+after), 0o644))
		return
	}
	require.Equal(t, readmeTable(), table, "run go test ./sdk/op -run Readme -update")
}
