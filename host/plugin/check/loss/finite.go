package loss

import (
	"fmt"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// finite runs every scene in float32: sums, counts and gradients must be finite.
func (l *loss) finite() error {
	bad := 0
	for _, s := range scenes {
		if s.extreme && l.Setting&check.Number != 0 {
			continue
		}
		in := s.make(l)
		e, err := l.inSingle(in)
		if err != nil {
			return fmt.Errorf("with %s it %w", s.name, err)
		}
		if l.infinite(s.name, in, e) {
			if bad++; bad == 3 {
				break
			}
		}
	}
	l.Note = fmt.Sprintf("%d kinds of batches in float32", len(scenes))
	return nil
}

// inSingle runs the program over a batch in float32.
func (l *loss) inSingle(in sdktest.Inputs) (*sdktest.Evaluation, error) {
	a, err := in.Arguments()
	if err != nil {
		return nil, err
	}
	a.Single = true
	return l.evaluateOn(in, a)
}

// infinite reports the first figure or gradient that is not finite.
func (l *loss) infinite(scene string, in sdktest.Inputs, e *sdktest.Evaluation) bool {
	for _, f := range l.p.Yields() {
		if numbers.Finite(e.Number(f.Value)) {
			continue
		}
		at := l.source(e, f.Value)
		l.Find(check.Finding{
			Text:   fmt.Sprintf("with %s, %s is %v", scene, f.Name, e.Number(f.Value)),
			Cause:  infiniteCause(l.p.Op(at)),
			Places: l.Places(at),
			Probe:  l.show(in),
		})
		return true
	}
	for i, g := range used(in, e, e.LossSeeds()) {
		if numbers.Finite(g) {
			continue
		}
		at := l.steep(e)
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"with %s, the loss is %s but its gradient is %v (element %d)",
				scene,
				sdktest.Numbers(e.Loss()),
				g,
				i,
			),
			Cause:  "a slope is infinite there, and a mask afterwards does not help, since 0 times infinity is NaN: clamp the op's input, not its output",
			Places: l.Places(at), Probe: l.show(in),
		})
		return true
	}
	return false
}

// source is the first value on the way to target that is not finite although
// its inputs are.
func (l *loss) source(e *sdktest.Evaluation, target int) int {
	at := l.p.Culprit(target, func(v int) bool {
		if l.p.Value(v).DType != op.F32 || numbers.AllFinite(e.Values[v].Data) {
			return false
		}
		node := l.p.Nodes[v-len(l.p.Inputs)]
		if (node.Op == "masked_fill" || node.Op == "where_scalar") &&
			!numbers.Finite(node.Attrs.Value()) {
			return false // an infinity that the author wrote is not a fault by itself
		}
		for _, in := range node.In {
			if !numbers.AllFinite(e.Values[in].Data) {
				return false
			}
		}
		return true
	})
	if at == program.None {
		return target
	}
	return at
}

// steep is the first op whose slope is infinite at its inputs.
func (l *loss) steep(e *sdktest.Evaluation) int {
	for i, node := range l.p.Nodes {
		if len(node.In) == 0 {
			continue
		}
		for _, x := range e.Values[node.In[0]].Data {
			switch {
			case node.Op == "log" &&
				x == 0, node.Op == "sqrt" &&
				x == 0, node.Op == "pow_scalar" && x == 0 && node.Attrs.Value() < 1:
				return len(l.p.Inputs) + i
			}
		}
	}
	return program.None
}

// infiniteCause says how to fix an op that overflows.
func infiniteCause(op string) string {
	switch op {
	case "div", "div_scalar":
		return "a division by 0: ClampMin the divisor (a count by 1)"
	case "log":
		return "a logarithm of 0: LogSigmoid instead of Sigmoid().Log(), LogSumExp instead of Exp().Sum().Log(), or ClampMin before it"
	case "exp", "pow", "pow_scalar", "square":
		return "it overflows float32, whose largest exponential is that of 88: work with logarithms, or clamp first"
	case "mul":
		return "0 times infinity, or an overflow of float32"
	case "sub", "add":
		return "an infinity (of a MaskedFill, say) meets another: use a large finite number, or mask after the difference"
	}
	return "an intermediate result overflows or is NaN"
}
