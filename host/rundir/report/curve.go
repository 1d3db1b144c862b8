// Package report draws what a run measured: a picture of its curves. Start at
// Panels and SVG.
package report

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
)

// The picture, in pixels.
const (
	width, height = 900, 600
	left, right   = 68, 28 // room beside a plot: labels of its axis, half a label
	top, bottom   = 72, 50 // room for the title, for the labels of the steps
	between       = 64     // between two plots: the head of the lower one
	manyPoints    = 60     // with so many points a training line is drawn faint under its running mean
)

const style = `<style>text{font-family:Inter,"Segoe UI",Roboto,Helvetica,Arial,"DejaVu Sans",sans-serif;fill:#27313b}` +
	`.title{font-size:19px;font-weight:600}.head{font-size:14px;font-weight:600}.small{font-size:12px}.soft{fill:#66727e}` +
	`.grid{stroke:#e6eaee;stroke-width:1}.base{stroke:#9aa5b0;stroke-width:1}` +
	`.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.raw{stroke-width:1;stroke-opacity:.35}</style>`

// SVG draws the panels one below the other over the same steps, as a
// self-contained picture of 900 by 600 pixels, or higher by what the names of many
// lines take.
func SVG(title string, panels []Panel) []byte {
	p := &picture{}
	high := height
	for _, panel := range panels {
		high += panel.legend().height()
	}
	p.print(
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`,
		width,
		high,
		width,
		high,
	)
	p.print(
		`<title>%s</title>%s<rect width="%d" height="%d" fill="#fff"/>`,
		html.EscapeString(title),
		style,
		width,
		high,
	)
	p.text(left, 34, "title", "start", title)
	if len(panels) == 0 {
		p.text(width/2, height/2, "small soft", "middle", "nothing was measured")
	}
	p.panels(panels)
	if len(panels) > 0 {
		p.text((left+width-right)/2, float64(high)-12, "small soft", "middle", "optimizer step")
	}
	p.print(`</svg>`)
	return p.Bytes()
}

// panels draws the plots, which share the height of the picture.
func (p *picture) panels(panels []Panel) {
	end := lastStep(panels)
	steps := newAxis(0, end, min(8, int(end)), left, width-right)
	steps.hi, steps.digits = end, 0 // the lines end at the edge, and steps are whole
	room := float64(height-top-bottom-between*(len(panels)-1)) / math.Max(1, float64(len(panels)))
	y := float64(top)
	for _, panel := range panels {
		names := panel.legend()
		below := y + float64(names.height())
		p.panel(panel, steps, below+8, below+room)
		p.text(left, y-6, "head", "start", panel.Title)
		p.names(names, y-6)
		y = below + room + between
	}
}

// lastStep is the greatest step of any panel, at least 1.
func lastStep(panels []Panel) float64 {
	last := 1.0
	for _, panel := range panels {
		for _, s := range panel.Series {
			for _, point := range s.Points {
				last = math.Max(last, point.X)
			}
		}
	}
	return last
}

// picture is an SVG under construction.
type picture struct{ bytes.Buffer }

func (p *picture) print(format string, args ...any) {
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
}

func (p *picture) text(x, y float64, class, anchor, text string) {
	p.print(
		`<text x="%s" y="%s" class="%s" text-anchor="%s">%s</text>`,
		px(x),
		px(y),
		class,
		anchor,
		html.EscapeString(text),
	)
}

func (p *picture) lineTo(class string, x1, y1, x2, y2 float64) {
	p.print(`<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, px(x1), px(y1), px(x2), px(y2))
}

// px writes a pixel with at most one digit after the point.
func px(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// panel draws one plot between the pixels y0 and y1.
func (p *picture) panel(panel Panel, steps axis, y0, y1 float64) {
	lo, hi := panel.span()
	values := newAxis(lo, hi, min(6, max(3, int((y1-y0)/42))), y1, y0)
	for _, v := range values.ticks {
		p.lineTo("grid", steps.begin, values.at(v), steps.end, values.at(v))
		p.text(left-9, values.at(v)+4, "small soft", "end", values.label(v))
	}
	p.lineTo("base", steps.begin, y1, steps.end, y1)
	for _, s := range steps.ticks {
		if s != math.Trunc(s) || s > steps.hi {
			continue // there is no half step
		}
		p.lineTo("base", steps.at(s), y1, steps.at(s), y1+4)
		p.text(steps.at(s), y1+18, "small soft", "middle", steps.label(s))
	}
	for _, s := range panel.Series {
		p.series(s, steps, values)
	}
}

// span is the range of the finite values.
func (p Panel) span() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, s := range p.Series {
		for _, point := range s.Points {
			if point.finite() {
				lo = math.Min(lo, point.Y)
				hi = math.Max(hi, point.Y)
			}
		}
	}
	return lo, hi
}

// course is the first and the last finite value of a line: "2.41 → 1.07".
func (s Series) course() string {
	var values []float64
	for _, point := range s.smooth() {
		if point.finite() {
			values = append(values, point.Y)
		}
	}
	first := short(values[0])
	last := short(values[len(values)-1])
	if len(values) == 1 {
		return first
	}
	return first + " → " + last
}

// short writes a value with three significant digits, or more before the point.
func short(x float64) string {
	if a := math.Abs(x); a != 0 && (a < 0.001 || a >= 1e6) {
		return strconv.FormatFloat(x, 'e', 1, 64)
	}
	digits := 3
	for bound := 1.0; bound <= 1000 && math.Abs(x) >= bound; bound *= 10 {
		digits--
	}
	return strconv.FormatFloat(x, 'f', max(0, digits), 64)
}

func (p *picture) dot(x, y float64, colour string) {
	p.print(`<circle cx="%s" cy="%s" r="3.5" fill="%s" stroke="#fff" stroke-width="1.2"/>`, px(x), px(y), colour)
}

// series draws one line; isolated points, and those of evaluations,
// are dots.
func (p *picture) series(s Series, steps, values axis) {
	if s.faint() {
		p.path("line raw", s.stroke(), thin(s.Points, steps), steps, values)
	}
	points := s.smooth()
	p.path("line", s.stroke(), thin(points, steps), steps, values)
	for i, point := range points {
		alone := (i == 0 || !points[i-1].finite()) && (i == len(points)-1 || !points[i+1].finite())
		if point.finite() && (alone || s.Eval && len(points) < manyPoints) {
			p.dot(steps.at(point.X), values.at(point.Y), s.colour())
		}
	}
}

// path draws a line through the finite points, with a gap at the others.
func (p *picture) path(class, stroke string, points []Point, steps, values axis) {
	var d bytes.Buffer
	move := true
	for _, point := range points {
		if !point.finite() {
			move = true
			continue
		}
		command := byte('L')
		if move {
			command = 'M'
		}
		d.WriteByte(command)
		d.WriteString(px(steps.at(point.X)) + " " + px(values.at(point.Y)))
		move = false
	}
	p.print(`<path class="%s" %s d="%s"/>`, class, stroke, d.String())
}

// faint says that the line is drawn faint, under its running mean.
func (s Series) faint() bool { return !s.Eval && len(s.Points) >= manyPoints }

// smooth is the line to look at: the points, or where those are many the mean
// of each with its neighbours, a fiftieth of the points on either side, fewer
// at the ends of the line. A gap stays a gap.
func (s Series) smooth() []Point {
	if !s.faint() {
		return s.Points
	}
	sums := make([]float64, len(s.Points)+1)
	counts := make([]int, len(s.Points)+1)
	for i, p := range s.Points {
		sums[i+1] = sums[i]
		counts[i+1] = counts[i]
		if p.finite() {
			sums[i+1] = sums[i] + p.Y
			counts[i+1] = counts[i] + 1
		}
	}
	reach := max(2, len(s.Points)/50)
	out := slices.Clone(s.Points)
	for i := range out {
		side := max(min(reach, i, len(out)-1-i), reach/4, 2) // the end point by itself would jump
		from := max(0, i-side)
		to := min(len(out), i+side+1)
		if out[i].finite() {
			out[i].Y = (sums[to] - sums[from]) / float64(counts[to]-counts[from])
		}
	}
	return out
}

// thin keeps the smallest and the largest point of each pixel column, and every
// gap, so that a long run does not make a large file.
func thin(points []Point, steps axis) []Point {
	if float64(len(points)) <= 2*(steps.end-steps.begin) {
		return points
	}
	var out []Point
	for i := 0; i < len(points); {
		low, high, j := i, i, i
		for ; j < len(points) &&
			points[j].finite() &&
			int(steps.at(points[j].X)) == int(steps.at(points[i].X)); j++ {
			if points[j].Y < points[low].Y {
				low = j
			}
			if points[j].Y > points[high].Y {
				high = j
			}
		}
		out = append(out, points[min(low, high)])
		if low != high {
			out = append(out, points[max(low, high)])
		}
		i = max(j, i+1)
	}
	return out
}
