package program

import (
	"fmt"
	"strings"

	"llmhost/sdk/op"
)

// Text formats the program for people: one line an input, a node, a term and a
// metric, each with its shape. Values are called %0, %1, ….
func (p *Program) Text() string { return p.Listing(nil) }

// Listing is Text with the author's source line after each node that has one in
// locations.
func (p *Program) Listing(locations []string) string {
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"%s program, op level %d, %d nodes, sha256 %s\n",
		p.Kind,
		p.OpLevel,
		len(p.Nodes),
		p.Digest()[:12],
	)
	rows := make([][]string, 0, len(p.Inputs)+len(p.Nodes))
	for i, input := range p.Inputs {
		origin := "from data"
		switch {
		case input.FromModel:
			origin = "from the model"
		case input.Frozen:
			origin = "from a frozen model"
		}
		rows = append(rows, []string{fmt.Sprintf("%%%d", i), "input " + input.Name, input.Value.String(), origin})
	}
	for i, node := range p.Nodes {
		place := ""
		if i < len(locations) {
			place = locations[i]
		}
		rows = append(rows, []string{fmt.Sprintf("%%%d", len(p.Inputs)+i), node.call(), node.Out.String(), place})
	}
	writeColumns(&b, rows)
	if p.Kind == op.PoolingProgram {
		fmt.Fprintf(&b, "output %%%d\n", p.Output)
		return b.String()
	}
	for _, t := range p.Terms {
		fmt.Fprintf(&b, "term   %s = %s · %s\n", t.Name, appendNumber(nil, t.Coefficient), ratio(t.Sum, t.Count))
	}
	for _, m := range p.Metrics {
		text := ratio(m.Sum, m.Count)
		if m.Exp {
			text = "exp(" + text + ")"
		}
		fmt.Fprintf(&b, "metric %s = %s\n", m.Name, text)
	}
	for _, s := range p.States {
		fmt.Fprintf(
			&b,
			"state  %s = %s at first, %%%d after each step\n",
			s.Name,
			appendNumber(nil, s.Initial),
			s.Update,
		)
	}
	return b.String()
}

// call writes the node as "sum(%4, dim=2, keepdim=false)".
func (n Node) call() string {
	var parts []string
	for _, in := range n.In {
		parts = append(parts, fmt.Sprintf("%%%d", in))
	}
	for _, attr := range n.Attrs {
		if attr.Kind == op.Flag && !attr.Bool {
			continue
		}
		parts = append(parts, attr.Name+"="+strings.ReplaceAll(strings.Trim(string(appendAttr(nil, attr)), `"`), `"`, ""))
	}
	return n.Op + "(" + strings.Join(parts, ", ") + ")"
}

// ratio writes Σsum/Σcount.
func ratio(sum, count int) string {
	if count == None {
		return fmt.Sprintf("Σ%%%d", sum)
	}
	return fmt.Sprintf("Σ%%%d / Σ%%%d", sum, count)
}

// writeColumns aligns the columns of rows; the last is not padded.
func writeColumns(b *strings.Builder, rows [][]string) {
	width := make([]int, 8)
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		line := " "
		for i, cell := range row {
			line += " " + cell + strings.Repeat(" ", width[i]-len([]rune(cell)))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
