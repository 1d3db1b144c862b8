package program

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"llmhost/sdk/op"
)

// Canonical returns the one JSON form of the program: fixed order of keys, no
// whitespace, every attribute spelt out, shortest float64, axes counted from 0.
// Programs are compared and hashed in this form.
func (p *Program) Canonical() []byte {
	b := fmt.Appendf(nil, `{"llmhost_program":%d,"op_level":%d,"kind":%q,"inputs":[`, Version, p.OpLevel, p.Kind)
	for i, input := range p.Inputs {
		b = append(comma(b, i), `{"name":`...)
		b = append(quote(b, input.Name), `,"dtype":`...)
		b = append(quote(b, string(input.Value.DType)), `,"shape":`...)
		b = append(appendShape(b, input.Value.Shape), '}')
	}
	b = append(b, `],"nodes":[`...)
	for i, node := range p.Nodes {
		b = appendNode(comma(b, i), node)
	}
	b = append(b, ']')
	if p.Kind == op.PoolingProgram {
		return append(strconv.AppendInt(append(b, `,"output":`...), int64(p.Output), 10), '}')
	}
	b = append(b, `,"terms":[`...)
	for i, t := range p.Terms {
		b = appendResult(comma(b, i), t.Name, t.Sum, t.Count)
		b = append(appendNumber(append(b, `,"coefficient":`...), t.Coefficient), '}')
	}
	b = append(b, `],"metrics":[`...)
	for i, m := range p.Metrics {
		b = appendResult(comma(b, i), m.Name, m.Sum, m.Count)
		b = fmt.Appendf(b, `,"exp":%t}`, m.Exp)
	}
	b = append(b, ']')
	if len(p.States) > 0 {
		b = append(b, `,"states":[`...)
		for i, s := range p.States {
			b = append(quote(append(comma(b, i), `{"name":`...), s.Name), `,"initial":`...)
			b = fmt.Appendf(appendNumber(b, s.Initial), `,"update":%d}`, s.Update)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// quote appends s as a JSON string.
func quote(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string can always be encoded
	return append(b, text...)
}

// appendNumber writes the shortest text that reads back as v.
func appendNumber(b []byte, v float64) []byte {
	if math.IsInf(v, 0) {
		return append(append(append(b, '"'), strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(v, 'g', -1, 64)), "+")...), '"')
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

func appendShape(b []byte, s op.Shape) []byte {
	b = append(b, '[')
	for i, d := range s {
		b = quote(comma(b, i), string(d))
	}
	return append(b, ']')
}

func appendNode(b []byte, node Node) []byte {
	b = append(quote(append(b, `{"op":`...), node.Op), `,"in":[`...)
	for i, in := range node.In {
		b = strconv.AppendInt(comma(b, i), int64(in), 10)
	}
	b = append(b, `],"attrs":{`...)
	for i, attr := range node.Attrs {
		b = append(quote(comma(b, i), attr.Name), ':')
		b = appendAttr(b, attr)
	}
	return append(b, `}}`...)
}

func appendAttr(b []byte, attr op.Attr) []byte {
	switch attr.Kind {
	case op.Flag:
		return strconv.AppendBool(b, attr.Bool)
	case op.Number, op.Fill:
		return appendNumber(b, attr.Float)
	case op.Type:
		return quote(b, string(attr.DType))
	case op.Size:
		return quote(b, string(attr.Dim))
	case op.Sizes:
		return appendShape(b, attr.Shape)
	}
	return strconv.AppendInt(b, int64(attr.Int), 10) // Axis, NewAxis
}

func appendResult(b []byte, name string, sum, count int) []byte {
	b = append(quote(append(b, `{"name":`...), name), `,"sum":`...)
	b = strconv.AppendInt(b, int64(sum), 10)
	if count != None {
		b = strconv.AppendInt(append(b, `,"count":`...), int64(count), 10)
	}
	return b
}
