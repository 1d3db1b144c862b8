package plugin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/sdk/program"
)

// usualSizes are the sizes for which a program's cost is given by default:
// eight prompts of four candidates with 128 label tokens, and eight sequences
// of 2,048 tokens in total.
var usualSizes = map[string]int64{
	"B": 8,
	"K": 4,
	"T": 128,
	"P": 2048,
	"H": 2048,
	"M": 2048,
	"N": 8,
}

// usualClasses is the size of every dimension C_NAME.
const usualClasses = 4

// ParseSizes reads sizes of dimensions such as "B=8,K=4,T=128".
func ParseSizes(text string) (map[string]int64, error) {
	sizes := map[string]int64{}
	for _, part := range strings.Split(text, ",") {
		name, number, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 1 || n > 1<<30 || name == "" {
			return nil, fmt.Errorf("size %q; want such as B=8,K=4,T=128", part)
		}
		if usualSizes[name] == 0 && !strings.HasPrefix(name, "C_") {
			return nil, fmt.Errorf("no dimension is called %s; want B, K, T, C_NAME, P, H, M or N", name)
		}
		sizes[name] = n
	}
	return sizes, nil
}

// costText describes what a program takes for one batch of the given sizes,
// with the usual ones for missing dimensions.
func costText(p *program.Program, given map[string]int64) (string, error) {
	sizes := map[string]int64{}
	names := []string{}
	for _, dim := range p.Dims() {
		name := string(dim)
		if sizes[name] = usualSizes[name]; sizes[name] == 0 {
			sizes[name] = usualClasses
		}
		if n := given[name]; n != 0 {
			sizes[name] = n
		}
		names = append(names, name+"="+strconv.FormatInt(sizes[name], 10))
	}
	slices.Sort(names)
	cost, err := p.Cost(sizes)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("cost   at %s: %d operations over %s elements, %s of inputs, %s held for the backward pass\n",
		strings.Join(names, ","), len(p.Nodes), grouped(cost.Elements), byteText(cost.Inputs), byteText(cost.Bytes)), nil
}

// grouped formats 1234567 as 1,234,567.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// byteText formats a number of bytes with a suitable unit.
func byteText(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 && unit+1 < len(units) {
		v, unit = v/1024, unit+1
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + units[unit]
}
