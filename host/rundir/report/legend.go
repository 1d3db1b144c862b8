package report

import (
	"fmt"
	"html"
	"slices"
)

// The names of lines, in pixels.
const (
	legendRoom   = 610 // from the right edge, beside the head of a plot
	legendGap    = 42  // for the sample of a line and a blank
	legendRow    = 19
	legendBelow  = 8 // under the head of the plot
	legendColumn = 3 // columns at most, where the names are below the head
)

// colours are those of training, then of the evaluation sets in turn; the
// colour-blind can tell them apart.
var colours = []string{"#2f6fb3", "#d9622b", "#2a9d6f", "#8a56ac", "#c9a227", "#5b6770"}

// dashes tell the lines of one colour apart.
var dashes = []string{"", "7 4", "2 4", "10 4 2 4"}

// colour is that of the line's set, so that a set has one colour in all plots.
func (s Series) colour() string {
	if !s.Eval {
		return colours[0]
	}
	return colours[1+s.set%(len(colours)-1)]
}

// stroke are the attributes of the line.
func (s Series) stroke() string {
	rounds := 0
	if s.Eval {
		rounds = s.set / (len(colours) - 1)
	}
	dash := dashes[(rounds+s.nth)%len(dashes)]
	if dash == "" {
		return fmt.Sprintf(`stroke="%s"`, s.colour())
	}
	return fmt.Sprintf(`stroke="%s" stroke-dasharray="%s"`, s.colour(), dash)
}

// legend is how the lines of a plot are named: beside its head where there is
// room, with their first and last values or without, else in rows below it.
type legend struct {
	series  []Series
	courses []string // the text after each name
	columns int      // below the head; 0 = beside it
	wide    float64  // of a column, or of everything
}

func (p Panel) legend() legend {
	l := legend{series: p.Series}
	for _, s := range p.Series {
		l.courses = append(l.courses, s.course())
	}
	if l.wide = l.width(); l.wide <= legendRoom {
		return l
	}
	without := legend{series: p.Series, courses: make([]string, len(p.Series))}
	if without.wide = without.width(); without.wide <= legendRoom && len(p.Series) <= legendColumn {
		return without
	}
	widest := 0.0
	for i := range l.series {
		widest = max(widest, l.entryWidth(i))
	}
	const room = width - left - right
	l.columns = max(1, min(legendColumn, int(room/widest)))
	l.wide = room / float64(l.columns)
	return l
}

func (l legend) entryWidth(i int) float64 {
	return legendGap + textWidth(l.series[i].Name+l.courses[i])
}

// width is that of all names in one row.
func (l legend) width() (wide float64) {
	for i := range l.series {
		wide += l.entryWidth(i)
	}
	return wide
}

// height is how many pixels the names take below the head.
func (l legend) height() int {
	if l.columns == 0 {
		return 0
	}
	rows := (len(l.series) + l.columns - 1) / l.columns
	return rows*legendRow + legendBelow
}

// names writes a legend whose plot has its head at y.
func (p *picture) names(l legend, y float64) {
	if l.columns == 0 {
		x := width - right - l.wide
		for i := range l.series {
			p.name(l, i, x, y)
			x += l.entryWidth(i)
		}
		return
	}
	rows := (len(l.series) + l.columns - 1) / l.columns
	for i := range l.series {
		x := left + float64(i/rows)*l.wide
		p.name(l, i, x, y+legendBelow+float64(1+i%rows)*legendRow-4)
	}
}

// name writes one entry at the left edge x, with a sample of its line.
func (p *picture) name(l legend, i int, x, y float64) {
	s := l.series[i]
	p.print(
		`<text x="%s" y="%s" class="small">%s <tspan class="soft">%s</tspan></text>`,
		px(x+33),
		px(y),
		html.EscapeString(cut(s.Name, l.nameRoom(i))),
		l.courses[i],
	)
	p.print(
		`<line class="line" %s x1="%s" y1="%s" x2="%s" y2="%s"/>`,
		s.stroke(),
		px(x),
		px(y-4),
		px(x+26),
		px(y-4),
	)
	if s.Eval {
		p.dot(x+13, y-4, s.colour())
	}
}

// nameRoom is how many characters of a name have room.
func (l legend) nameRoom(i int) int {
	room := float64(width - left - right - legendGap)
	return int(room/characterWidth) - len([]rune(l.courses[i])) - 2
}

// cut shortens a text in its middle to so many characters.
func cut(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	half := (most - 1) / 2
	return string(slices.Concat(runes[:half], []rune("…"), runes[len(runes)-half:]))
}

const characterWidth = 6.5

// textWidth is an estimate of the width of small text, on the wide side.
func textWidth(text string) float64 { return characterWidth * float64(len([]rune(text))+1) }
