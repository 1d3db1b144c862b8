package show

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"columns":  columns,
	"heading":  Candidate.heading,
	"visible":  Token.visible,
	"segments": Candidate.segmentViews,
	"breaks":   func(t Token) bool { return strings.HasSuffix(t.Text, "\n") },
}).Parse(page))

// segmentView is a segment as the page draws it.
type segmentView struct {
	Role, Class string
	Tokens      []tokenView
}

// tokenView is a token with its place.
type tokenView struct {
	Token
	Place int
	Class string
}

// segmentViews are the segments of a candidate with the classes of the page.
func (c Candidate) segmentViews() (all []segmentView) {
	place := 0
	for _, s := range c.segments() {
		v := segmentView{Role: s.role, Class: class(s)}
		for _, t := range s.tokens {
			name := ""
			if t.Special {
				name = "special"
			}
			v.Tokens = append(v.Tokens, tokenView{t, place, name})
			place++
		}
		all = append(all, v)
	}
	return all
}

func class(s segment) string {
	names := []string{"given"}
	if s.learned {
		names[0] = "learned"
	}
	if s.cut {
		names = append(names, "cut")
	}
	if s.shared {
		names = append(names, "shared")
	}
	return strings.Join(names, " ")
}

// HTML writes a page of records that needs nothing besides itself. settings is the
// line under its title.
func HTML(w io.Writer, title, settings string, records []Record) error {
	return pageTemplate.Execute(w, map[string]any{"Title": title, "Settings": settings, "Records": records})
}
