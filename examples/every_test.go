package examples_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/host/plugin/process"
	"llmhost/host/plugin/project"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
	"llmhost/sdk/op"
)

func TestMain(m *testing.M) {
	if worker.Asked(os.Args) { // formatters of modules run in this binary, once more
		os.Exit(worker.Main())
	}
	os.Exit(m.Run())
}

// parameters are one of each type.
type parameters struct {
	Ratio float64 `llmhost:"ratio,default=0.5,min=0,max=1,doc=a share"`
	Steps int     `llmhost:"steps,default=3,min=1,doc=a number"`
	Flag  bool    `llmhost:"flag,default=true,doc=a flag"`
	Mode  string  `llmhost:"mode,default=a,choices=a|b,doc=a choice"`
	Note  string  `llmhost:"note,default=x,values=y|z,aliases=remark,doc=a text"`
}

// everyLoss has every operation of a loss, in the order of the plugins in
// testdata/every.
type everyLoss parameters

func (l everyLoss) Trace(g *sdk.Graph) sdk.Objective {
	p := g.Logps()
	g.Real() // inputs stand in the order in which they are asked for
	c := g.Column("score", sdk.Role(sdk.ScoreRole), sdk.Values(1, 0.1, -1))
	q := p.Sum(-1)
	total := q.Sum()
	keep := func(x sdk.Tensor) { total = total.Add(x.To(sdk.F32).Sum()) }
	keep(g.RefLogps())
	for _, input := range []func() sdk.Tensor{g.Rewards, g.ReverseKL, g.ForwardKL, g.VocabMeanLogps, g.MismatchedLogps, g.MismatchedRefLogps} {
		keep(input())
	}
	keep(g.State("level"))
	keep(g.LabelMask())
	keep(g.ExampleColumn("weight", sdk.Role(sdk.WeightRole), sdk.Values(1, 0.5), sdk.Range(0, 2)))
	for _, f := range []func(sdk.Tensor) sdk.Tensor{q.Add, q.Sub, q.Mul, q.Div, q.PowTensor, q.Minimum, q.Maximum} {
		keep(f(c))
	}
	keep(q.AddScalar(l.Ratio))
	keep(q.SubScalar(2))
	keep(q.MulScalar(float64(l.Steps)))
	keep(q.DivScalar(4))
	keep(q.Pow(0.5))
	for _, f := range []func() sdk.Tensor{q.Neg, q.Abs, q.Exp, q.Log, q.Expm1, q.Log1p, q.Sqrt, q.Square, q.Relu, q.Sigmoid, q.LogSigmoid} {
		keep(f())
	}
	keep(q.ClampMin(-1))
	keep(q.ClampMax(1))
	for _, f := range []func(sdk.Tensor) sdk.Tensor{q.Eq, q.Ne, q.Lt, q.Le, q.Gt, q.Ge} {
		keep(f(c))
	}
	for _, f := range []func(float64) sdk.Tensor{q.EqScalar, q.NeScalar, q.LtScalar, q.LeScalar, q.GtScalar, q.GeScalar} {
		keep(f(0))
	}
	l.shapes(g, keep, q)
	n, mean := g.Count("B"), q.Sum()
	step := mean.GlobalMean(n)
	level := g.State("level").MulScalar(l.Ratio).Add(step)
	return sdk.Objective{
		Terms:   []sdk.Term{{Name: "every", Sum: total, Count: n, Coefficient: 0.5}, {Name: "plain", Sum: mean, Coefficient: 1}},
		Metrics: []sdk.Metric{{Name: "mean", Sum: mean, Count: n}, {Name: "exp", Sum: mean, Count: n, Exp: true}},
		States:  []sdk.State{{Name: "level", Initial: l.Ratio, Update: level}, {Name: "last", Initial: -0.1, Update: step}},
		Allow:   map[string]string{"detach": "a \"constant\" é", "twice": "steps are " + strconv.Itoa(l.Steps)},
	}
}

func (l everyLoss) shapes(g *sdk.Graph, keep func(sdk.Tensor), q sdk.Tensor) {
	real, c := g.Real(), g.Column("score")
	keep(q.Mean(-1))
	keep(q.Amax(0))
	keep(q.Amin(1))
	keep(real.Any(-1))
	keep(real.All(-1))
	keep(q.Mean())
	keep(q.LogSumExp(-1))
	keep(q.CumSum(1))
	keep(q.Argmin(-1))
	keep(q.Unsqueeze(0).Squeeze(0))
	keep(q.Expand("2", "B", "K"))
	keep(q.Gather(1, q.Argmax(-1).Unsqueeze(1)))
	keep(g.Logits("topic").IndexSelect(0, g.Label("topic")))
	keep(sdk.Where(real, q, c))
	keep(q.Where(real, 0))
	keep(q.MaskedFill(real, math.Inf(-1)))
	if l.Flag {
		keep(real.And(real.Or(real.Not())))
	}
	if l.Mode == "b" {
		keep(q.To(sdk.I64))
	}
	keep(q.To("bool"))
	keep(q.Detach())
	keep(q.ZerosLike())
	keep(q.OnesLike())
}

// everyPooling has every operation and input of a pooling.
type everyPooling struct{}

func (everyPooling) Trace(g *sdk.Graph) sdk.Tensor {
	states, row := g.Hidden().IndexSelect(0, g.Token()), g.Sequence()
	both := states.SegmentSum(row, "N").Add(states.SegmentMax(row, "N"))
	ends := g.IDs().Eq(g.EOS()).To(sdk.F32).SegmentSum(row, "N")
	return both.Div(row.SegmentCount("N").Add(ends).Unsqueeze(1))
}

func (everyPooling) PoolsLastToken() bool { return true }

func (everyPooling) Allow() map[string]string { return map[string]string{"empty": "none is"} }

// everyFormatter reads a field of every type, and gives two labels where it has a number.
type everyFormatter parameters

func (everyFormatter) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: "a", Type: sdk.String, Required: true, Doc: "a text", Examples: []string{`"hello"`, `"a \"b\"\n"`}},
		{Name: "b", Type: sdk.Float, Role: sdk.RewardRole, Doc: "a number", Examples: []string{"0.1", "null"}},
		{Name: "c", Type: sdk.Bool, Doc: "a flag"},
		{Name: "d", Type: sdk.Int, Doc: "a whole number"},
		{Name: "e", Type: sdk.StringList, Required: true, Doc: "texts"},
		{Name: "f", Type: sdk.FloatList, Role: sdk.ScoreRole, Doc: "numbers", Examples: []string{"[1, 2.5]"}},
		{Name: "g", Type: sdk.JSON, Doc: "anything"},
	}
}

func (f everyFormatter) Gives() []sdk.Output {
	return []sdk.Output{
		{Name: "score", Kind: sdk.CandidateColumn, Role: sdk.ScoreRole, Padding: -float64(f.Steps)},
		{Name: "json", Kind: sdk.CandidateColumn},
		{Name: "weight", Kind: sdk.ExampleColumn, Role: sdk.WeightRole},
		{Name: "topic", Kind: sdk.ClassLabel},
		{Name: "weight", Kind: sdk.ClassLabel},
	}
}

func (everyFormatter) Allow() map[string]string { return map[string]string{"lost": "a text is"} }

func (f everyFormatter) Format(r *sdk.Row, o *sdk.Out) error {
	switch r.Str(0) {
	case "drop":
		return o.Drop("asked to")
	case "fail":
		return errors.New("asked to")
	}
	var more struct {
		List []string
		N    float64
	}
	if r.Has(6) {
		if err := json.Unmarshal([]byte(r.JSON(6)), &more); err != nil {
			return err
		}
	}
	end := ""
	for _, text := range more.List {
		end += text + "/"
	}
	flags := map[bool]float64{true: 1}
	for i, answer := range r.Strs(4) {
		score := r.Float(1) + flags[r.Bool(2)] + float64(r.Int(3))
		if i < len(r.Floats(5)) {
			score += r.Floats(5)[i]
		}
		c := o.Candidate(r.Str(0)+f.Mode, answer+end)
		c.Set("score", score)
		c.Set("json", 0)
	}
	weight := more.N
	if r.Has(1) {
		weight = f.Ratio
		o.Label("topic", r.Strs(4)[2])
		o.Label("weight", "")
		o.Label("weight", f.Mode) // the later one holds
	}
	o.Set("weight", weight)
	return nil
}

// everyChats gives a chat to learn from as a whole, or one for each answer.
type everyChats struct{}

func (everyChats) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: "messages", Type: sdk.JSON, Required: true, Doc: "a chat"},
		{Name: "answers", Type: sdk.StringList, Doc: "what may come next"},
		{Name: "tools", Type: sdk.JSON, Doc: "what may be called"},
		{Name: "name", Type: sdk.String, Doc: "who answers"},
	}
}

func (everyChats) Format(r *sdk.Row, o *sdk.Out) error {
	messages, err := sdk.Messages(r.JSON(0))
	if err != nil {
		return err
	}
	if r.Str(3) == "mixed" {
		o.Candidate("prompt", "answer")
	}
	if !r.Has(1) {
		o.Chat(sdk.Chat{Answer: messages, Documents: `[{"text": "é"}]`})
	}
	for i, text := range r.Strs(1) {
		answer := sdk.NewMessage("assistant", text)
		if r.Has(3) {
			answer = answer.With("name", sdk.JSONQuote(r.Str(3)))
		}
		answer.Learn = [3]sdk.Learn{sdk.LearnYes, sdk.LearnNo}[min(i, 2)]
		chat := sdk.Chat{Prompt: messages, Answer: []sdk.Message{answer}, Tools: r.JSON(2), Args: `{"enable_thinking": false}`}
		o.Chat(chat).Set("score", -float64(i))
	}
	if len(messages) > 1 {
		o.Label("topic", "several")
	}
	o.Set("weight", float64(len(messages)))
	return nil
}

var every = sdk.Plugin{
	Name: "every", Version: "1.2.3", Doc: "all there is",
	Losses:   []sdk.LossSpec{sdk.NewLoss("every", "a loss", everyLoss{Ratio: 0.5, Steps: 3, Flag: true, Mode: "a"})},
	Poolings: []sdk.PoolingSpec{sdk.NewPooling("every", "a pooling", everyPooling{})},
	Formatters: []sdk.FormatterSpec{
		sdk.NewFormatter("every", "a formatter", everyFormatter{Ratio: 0.5, Steps: 3, Flag: true, Mode: "a"}),
		sdk.NewFormatter("chats", "a formatter of chats", everyChats{}),
	},
	Tasks: []sdk.Task{{
		Name: "every", Doc: "a task", Formatter: "every", Head: sdk.ClassHead, Pooling: "every", Loss: "every",
		Defaults: map[string]any{"flag": false, "mode": "b", "ratio": 0.25}, Aliases: []string{"all", "each"},
	}},
}

// settings are values of parameters that change programs and examples.
var settings = []map[string]any{nil, {"ratio": 0.25, "steps": 2, "flag": false, "mode": "b"}}

// everyCatalog knows the plugin in Go.
func everyCatalog(t *testing.T) *plugin.Catalog {
	options := plugin.Options{Builtin: append(builtin.All(), every), Process: process.Limits{Start: time.Minute, Call: 30 * time.Second, Format: 30 * time.Second}}
	c, err := plugin.NewCatalog(context.Background(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c
}

// The plugins in testdata/every leave no operation and no input out, so that a
// new one is missed here until every helper has it.
func TestEveryHasEverything(t *testing.T) {
	task, err := everyCatalog(t).Task(context.Background(), "every")
	require.NoError(t, err)
	ops, inputs := map[string]bool{}, map[string]bool{}
	for _, component := range []*plugin.Component{task.Loss, task.Pooling} {
		for _, values := range settings {
			if component == task.Pooling {
				values = nil
			}
			trace, err := component.Trace(context.Background(), values)
			require.NoError(t, err)
			for _, node := range trace.Nodes {
				ops[node.Op] = true
			}
			for _, input := range trace.Inputs {
				inputs[input.Name] = true
			}
		}
	}
	for _, row := range op.Table() {
		require.True(t, ops[row.Name], "no plugin of testdata/every has the operation %s; add it to all of them", row.Name)
	}
	known := append(op.Inputs(op.LossProgram), op.Inputs(op.PoolingProgram)...)
	require.Len(t, inputs, len(known), "the plugins of testdata/every read %v; want one of each", inputs)
}

// sourceFiles are the paths of a plugin's source in each language: in testdata/every
// and in a project.
var sourceFiles = map[string][2]string{"c": {"every.c", "every.c"}, "rust": {"lib.rs", "src/lib.rs"}, "assemblyscript": {"index.ts", "assembly/index.ts"}, "python": {"main.py", "main.py"}}

// builtEvery builds the plugin of a language out of testdata/every.
func builtEvery(t *testing.T, language string) string {
	cache := plugin.DefaultCache()
	folder := filepath.Join(t.TempDir(), "every")
	require.NoError(t, project.New(project.Spec{Name: "every", Kind: "loss", Language: language, Folder: folder, Sources: sources, Cache: cache}))
	text, err := os.ReadFile(filepath.Join("testdata", "every", sourceFiles[language][0]))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, sourceFiles[language][1]), text, 0o644))
	if language == "python" {
		python := filepath.Join(cache, "plugin-python", "bin")
		t.Setenv("PATH", python+string(filepath.ListSeparator)+os.Getenv("PATH"))
		if out, err := exec.Command("python3", "-c", "import grpc, cryptography").CombinedOutput(); err != nil {
			t.Skipf("needs a Python with grpcio and cryptography: %s", out)
		}
	}
	built, err := project.Build(context.Background(), project.Building{Folder: folder, Sources: sources, Cache: cache})
	var lack *project.NoTool
	if errors.As(err, &lack) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return built.File
}

// Each helper has every operation, input, parameter and field, and means by it
// what the SDK in Go does.
func TestHelpersHaveEverything(t *testing.T) {
	for _, language := range []string{"c", "rust", "assemblyscript", "python"} {
		t.Run(language, func(t *testing.T) {
			c := everyCatalog(t)
			file := builtEvery(t, language)
			want, err := c.Task(context.Background(), "every")
			require.NoError(t, err)
			got, err := c.Task(context.Background(), file)
			require.NoError(t, err)
			require.Equal(t, want.Head, got.Head)
			require.Equal(t, want.Defaults, got.Defaults)
			require.Equal(t, want.Loss.Params, got.Loss.Params)
			require.Equal(t, want.Formatter.Params, got.Formatter.Params)
			for _, values := range settings {
				sameProgram(t, want, got, values)
				sameExamples(t, want.Formatter, got.Formatter, values, everyRows())
			}
			chats := func(file string) *plugin.Component {
				f, err := c.Component(context.Background(), plugin.Formatter, file)
				require.NoError(t, err)
				return f
			}
			sameExamples(t, chats("chats"), chats(file+"#chats"), nil, chatRows())
			for _, v := range numbers() { // a state's first value and a scalar, to the last bit
				if v <= 1 {
					sameProgram(t, want, got, map[string]any{"ratio": v})
				}
			}
			a, err := want.Pooling.Trace(context.Background(), nil)
			require.NoError(t, err)
			b, err := got.Pooling.Trace(context.Background(), nil)
			require.NoError(t, err)
			require.Equal(t, a.Program.Text(), b.Program.Text())
			require.Len(t, b.Locations, len(b.Nodes))
			require.True(t, b.PoolsLastToken)
			require.Equal(t, a.Allow, b.Allow)
			for _, alias := range []string{"all", "each"} {
				again, err := c.Task(context.Background(), file+"#"+alias)
				require.NoError(t, err)
				require.Equal(t, "every", again.Name)
			}
		})
	}
}

// everyRows are records with and without each field.
func everyRows() []sdk.Row {
	text := func(s string) sdk.Cell { return sdk.Cell{Type: sdk.String, Str: s} }
	list := sdk.Cell{Type: sdk.StringList, Strs: []string{"one", "", "drei é 🙂"}}
	full := []sdk.Cell{text("hello"), {Type: sdk.Float, Float: 0.1}, {Type: sdk.Bool, Int: 1}, {Type: sdk.Int, Int: -7}, list,
		{Type: sdk.FloatList, Floats: []float64{1.5, -2, 5e-324}}, {Type: sdk.JSON, Str: ` {"n": 2.5e1, "x": {"list": [1, {"a": "}"}]}, "list": ["a\"b", "\u00e9\ud83d\ude42\n", "plain]"], "y": null} `}}
	lacks := func(fields ...int) []sdk.Cell {
		row := slices.Clone(full)
		for _, field := range fields {
			row[field] = sdk.Cell{}
		}
		return row
	}
	drop, fail := slices.Clone(full), slices.Clone(full)
	drop[0], fail[0] = text("drop"), text("fail")
	var rows []sdk.Row
	for _, cells := range [][]sdk.Cell{full, lacks(1, 2, 3), lacks(1, 5), drop, lacks(6), fail, full} {
		rows = append(rows, sdk.NewRow(cells))
	}
	return rows
}

// chatRows are chats in JSON as Python writes it, which all helpers pass on as it is.
func chatRows() []sdk.Row {
	chat := func(json string) sdk.Cell { return sdk.Cell{Type: sdk.JSON, Str: json} }
	list := sdk.Cell{Type: sdk.StringList, Strs: []string{"one", "a \"b\" \\ \n\t\r\b\f\x00\x1f\u2028 é 🙂 <|im_end|>", ""}}
	tools := chat(`[{"type": "function", "function": {"name": "f", "parameters": {}}}]`)
	name := sdk.Cell{Type: sdk.String, Str: "Ann \"A\""}
	two := chat(`[{"role": "system", "content": "Be é 🙂", "z": [1, 2.5, null, true], "a": {"b": {}}}, {"content": [{"type": "text", "text": "]}\""}], "role": "user"}]`)
	learn := chat(`[{"role": "user", "train": null, "content": "Hi"}, {"train": true, "role": "assistant", "tool_calls": []}, {"role": "tool", "weight": 0}, {"role": "assistant", "content": "x", "weight": 1.0, "train": true}]`)
	var rows []sdk.Row
	for _, cells := range [][]sdk.Cell{
		{two, list, tools, name}, {two, list, {}, {}}, {two, {}, {}, {}}, {learn, {}, tools, {}}, {learn, list, tools, name},
		{chat("[]"), list, {}, {}}, {chat(`[{"role": "user"}]`), {}, {}, {}},
		{two, list, {}, {Type: sdk.String, Str: "mixed"}}, {chat(`{"role": "user"}`), {}, {}, {}}, {chat(`["Hi"]`), list, {}, {}},
		{chat("[]"), {}, {}, {}}, {chat(`[{"content": "no role"}]`), {}, {}, {}}, {chat(`[{"role": "user", "train": "yes"}]`), list, {}, {}},
		{chat(`[{"role": "user", "weight": 0.5}]`), list, {}, {}}, {chat(`[{"role": "user", "weight": 1, "train": false}]`), list, {}, {}},
		{two, list, tools, name},
	} {
		rows = append(rows, sdk.NewRow(cells))
	}
	return rows
}

func sameExamples(t *testing.T, want, got *plugin.Component, values map[string]any, rows []sdk.Row) {
	t.Helper()
	a, records := formatted(t, want, values, rows)
	b, same := formatted(t, got, values, rows)
	require.Equal(t, records, same, "what the formatter says of its records")
	require.Len(t, b, len(a))
	for i := range a {
		if require.Equal(t, a[i].Err != "", b[i].Err != "", "row %d: %s%s", i, a[i].Err, b[i].Err); a[i].Err == "" {
			require.Equal(t, a[i], b[i], "row %d", i)
		}
	}
}

func formatted(t *testing.T, component *plugin.Component, values map[string]any, rows []sdk.Row) ([]sdk.Result, plugin.Records) {
	t.Helper()
	f, err := component.Formatter(context.Background(), values)
	require.NoError(t, err)
	defer f.Close()
	results, err := f.Format(context.Background(), rows)
	require.NoError(t, err)
	return results, f.Records
}
