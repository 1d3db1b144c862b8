package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/metrics"
	"llmhost/host/rundir/report"
)

// run makes the entries of a run: training values after each step, evaluations
// after every evalSteps.
func run(steps, evalSteps int) (entries []metrics.Entry) {
	for i := 0; i <= steps; i++ {
		x := float64(i) / float64(steps)
		loss, accuracy := 0.6+3*math.Exp(-4*x), 0.8-0.55*math.Exp(-3*x)
		wobble := 0.1 * math.Sin(float64(7*i))
		if i > 0 {
			entries = append(entries, entry(i, "loss", loss+wobble, "learning_rate", 1e-5, "ranking_accuracy", accuracy+wobble))
		}
		if i%evalSteps == 0 {
			entries = append(entries, entry(i, "eval_loss", loss, "eval_ranking_accuracy", accuracy))
		}
	}
	return entries
}

// entry builds an Entry from names and values in turn.
func entry(step int, pairs ...any) metrics.Entry {
	e := metrics.Entry{Step: step}
	for i := 0; i < len(pairs); i += 2 {
		e.Values = append(e.Values, metrics.Value{Name: pairs[i].(string), Value: pairs[i+1].(float64)})
	}
	return e
}

func TestPanels(t *testing.T) {
	panels := report.Panels(run(10, 5))
	require.Len(t, panels, 2)
	require.Equal(t, "Loss", panels[0].Title)
	require.Equal(t, "Accuracy", panels[1].Title)
	names := func(p report.Panel) (list []string) {
		for _, s := range p.Series {
			list = append(list, fmt.Sprint(s.Name, " ", s.Eval, " ", len(s.Points)))
		}
		return list
	}
	require.Equal(t, []string{"train false 10", "eval true 3"}, names(panels[0]))
	require.Equal(t, []string{"train ranking false 10", "eval ranking true 3"}, names(panels[1]))
	require.Equal(t, report.Point{X: 0, Y: 3.6}, panels[0].Series[1].Points[0])
}

func TestPanelsOfOtherRuns(t *testing.T) {
	require.Empty(t, report.Panels(nil))
	nan := report.Panels([]metrics.Entry{entry(1, "loss", math.NaN(), "accuracy", math.Inf(1))})
	require.Empty(t, nan, "a line without a point is none")
	sets := report.Panels([]metrics.Entry{entry(1, "eval_a_b_loss", 1.0, "eval_perplexity", 2.0, "loss_rank", 3.0, "floss", 4.0)})
	require.Len(t, sets, 2)
	require.Equal(t, "eval a_b", sets[0].Series[0].Name)
	require.Equal(t, "Perplexity", sets[1].Title, "where nothing measures an accuracy")
}

// drawing is the content of a picture.
type drawing struct {
	texts   []string
	paths   []string // their d
	circles int
	strokes map[string]int // how many lines have each colour and dash
	size    int            // bytes
}

var coordinate = regexp.MustCompile(`^(x|y|x1|x2|y1|y2|cx|cy)$`)

// draw renders entries, and checks that the picture is XML whose numbers are
// finite and within its frame.
func draw(t *testing.T, entries []metrics.Entry) drawing {
	t.Helper()
	svg := report.SVG("a <run> & more", report.Panels(entries))
	require.NotContains(t, string(svg), "NaN")
	require.NotContains(t, string(svg), "Inf")
	d := drawing{size: len(svg), strokes: map[string]int{}}
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	inside := ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return d
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			inside = token.Name.Local
			d.take(t, token)
		case xml.EndElement:
			inside = ""
		case xml.CharData:
			if inside == "text" || inside == "tspan" {
				d.texts = append(d.texts, string(token))
			}
		}
	}
}

func (d *drawing) take(t *testing.T, e xml.StartElement) {
	t.Helper()
	if e.Name.Local == "circle" {
		d.circles++
	}
	look := ""
	for _, a := range e.Attr {
		if a.Name.Local == "stroke" && e.Name.Local != "circle" || a.Name.Local == "stroke-dasharray" {
			look += a.Value + " "
		}
	}
	if look != "" {
		d.strokes[look]++
	}
	for _, a := range e.Attr {
		var numbers []string
		switch {
		case a.Name.Local == "d":
			d.paths = append(d.paths, a.Value)
			numbers = strings.FieldsFunc(a.Value, func(r rune) bool { return r == 'M' || r == 'L' || r == ' ' })
		case coordinate.MatchString(a.Name.Local):
			numbers = []string{a.Value}
		}
		for _, n := range numbers {
			x, err := strconv.ParseFloat(n, 64)
			require.NoError(t, err)
			require.True(t, x >= 0 && x <= 900, "%s of %s is %s", a.Name.Local, e.Name.Local, n)
		}
	}
}

func TestSVG(t *testing.T) {
	d := draw(t, run(10, 5))
	require.Equal(t, []string{"a <run> & more",
		"0", "1", "2", "3", "0", "2", "4", "6", "8", "10", "Loss", "train ", "2.68 → 0.732", "eval ", "3.60 → 0.655",
		"0.2", "0.4", "0.6", "0.8", "0", "2", "4", "6", "8", "10", "Accuracy", "train ranking ", "0.458 → 0.850", "eval ranking ", "0.250 → 0.773",
		"optimizer step"}, d.texts)
	require.Len(t, d.paths, 4)
	require.Equal(t, 8, d.circles, "three evaluations in each plot, and one in each legend")
}

func TestSVGOfFewAndManyPoints(t *testing.T) {
	require.Equal(t, []string{"a <run> & more", "nothing was measured"}, draw(t, nil).texts)

	one := draw(t, []metrics.Entry{entry(0, "eval_loss", 3.2)})
	require.Equal(t, 2, one.circles)
	require.Contains(t, one.texts, "3.20")

	many := draw(t, run(400, 50))
	require.Len(t, many.paths, 6, "training lines are there twice: faint, and their mean")
	huge := draw(t, run(100_000, 500))
	require.Less(t, huge.size, 120_000, "bytes")
	require.Contains(t, huge.texts, "100k")

	steps := draw(t, run(20, 20)).texts
	require.Contains(t, steps, "15")
	require.NotContains(t, steps, "2.5", "there is no half step")
}

func TestSVGOfConstantAndOddValues(t *testing.T) {
	tests := []struct {
		name  string
		value float64
		tick  string
	}{
		{"half", 0.5, "0.52"},
		{"zero", 0, "-0.5"},
		{"negative", -3, "-3.2"},
		{"tiny", 1e-7, "-5e-07"},
		{"huge", 1e9, "9.5e+08"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := draw(t, []metrics.Entry{entry(1, "loss", test.value), entry(2, "loss", test.value)})
			require.Contains(t, d.texts, test.tick)
		})
	}
}

func TestSVGLeavesGaps(t *testing.T) {
	nan := math.NaN()
	var entries []metrics.Entry
	for i, v := range []float64{3, 2.5, nan, 2, math.Inf(1), 1.5, 1} {
		entries = append(entries, entry(i+1, "loss", v))
	}
	d := draw(t, entries)
	require.Len(t, d.paths, 1)
	require.Equal(t, 3, strings.Count(d.paths[0], "M"))
	require.Equal(t, 1, d.circles, "the isolated point")
}

// Every line has its name, in rows where there are many, and no two lines of a plot
// look alike; a set has one colour in both plots.
func TestSVGOfManyEvaluationSets(t *testing.T) {
	for _, sets := range []int{2, 6, 12} {
		t.Run(strconv.Itoa(sets), func(t *testing.T) {
			e := metrics.Entry{Step: 1, Values: []metrics.Value{{Name: "loss", Value: 1}, {Name: "rank_accuracy", Value: 1}}}
			for i := range sets {
				prefix := fmt.Sprintf("eval_a_set_with_a_name_%d_", i)
				e.Values = append(e.Values, metrics.Value{Name: prefix + "loss", Value: float64(i)},
					metrics.Value{Name: prefix + "rank_accuracy", Value: 0.5})
			}
			d := draw(t, []metrics.Entry{e})
			for i := range sets {
				require.Contains(t, d.texts, fmt.Sprintf("eval a_set_with_a_name_%d ", i))
				require.Contains(t, d.texts, fmt.Sprintf("eval a_set_with_a_name_%d rank ", i))
			}
			require.Len(t, d.strokes, sets+1, "one look for training and for each set")
			for look, lines := range d.strokes {
				require.Equal(t, 4, lines, "%s: a path and a sample in each plot", look)
			}
		})
	}
}

func TestSVGShortensALongName(t *testing.T) {
	d := draw(t, []metrics.Entry{entry(1, "eval_"+strings.Repeat("long_", 60)+"loss", 1.0)})
	require.Contains(t, strings.Join(d.texts, "\n"), "…")
}
