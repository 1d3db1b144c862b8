package data

import "fmt"

// Side is the end of a sequence at which it is cut; the zero value is Left.
type Side string

// The ends of a sequence.
const (
	Left  Side = "left"
	Right Side = "right"
)

// cut is the part, from first to before end, of n tokens that is kept where at
// most longest are.
func (side Side) cut(n, longest int) (first, end int) {
	over := max(0, n-longest)
	if side == Right {
		return 0, n - over
	}
	return over, n
}

// useless says why an example that truncation made useless is left out; "" for one
// that is kept. A batch needs all candidates of an example, so one of them is enough.
func (how Tokenizing) useless(e Example) string {
	for _, s := range e.Sequences {
		switch {
		case how.WantsLabels && s.AnswerLost:
			return fmt.Sprintf("max_length %d leaves nothing of an answer to predict", how.MaxLength)
		case how.DropTruncatedAnswers && s.AnswerCut:
			return fmt.Sprintf("max_length %d would cut an answer", how.MaxLength)
		}
	}
	return ""
}
