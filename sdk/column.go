package sdk

import (
	"errors"
	"math"
	"strconv"
)

// ColumnRole says what the numbers of a data column mean, so that neither a
// host nor a check nor a reader has to guess it from the column's name.
type ColumnRole string

// The roles of columns.
const (
	NumberRole ColumnRole = ""       // a number of no special meaning
	ScoreRole  ColumnRole = "score"  // orders the candidates of an example: the higher, the better
	WeightRole ColumnRole = "weight" // scales the share of a record or candidate in the loss: 0 or more, 0 takes it out
	RewardRole ColumnRole = "reward" // a signed measure of how good an answer is, whose size and sign both count
	MaskRole   ColumnRole = "mask"   // 0 or 1: whether something takes part
)

// Known reports whether r is one of the roles.
func (r ColumnRole) Known() bool {
	switch r {
	case NumberRole, ScoreRole, WeightRole, RewardRole, MaskRole:
		return true
	}
	return false
}

// Padding is what a column of the role holds for a padding candidate unless the
// formatter says otherwise: -100 for a score, else 0.
func (r ColumnRole) Padding() float64 {
	if r == ScoreRole {
		return -100
	}
	return 0
}

// ColumnUse is what a loss declares about a column that it reads. It accompanies
// the program but is not part of it.
type ColumnUse struct {
	Input    string // name of the input: column.NAME or example_column.NAME
	Role     ColumnRole
	Values   []float64 // examples of its values; nil if none are given
	Min, Max *float64  // its bounds, inclusive; nil if unbounded
	Optional bool      // a formatter may leave it out; the loss then reads zeros
}

// ColumnOption says something about a column that a loss reads: Role, Values,
// Range or Optional.
type ColumnOption func(*ColumnUse) error

// Role says what the column's numbers mean.
func Role(role ColumnRole) ColumnOption {
	return func(u *ColumnUse) error {
		if !role.Known() {
			return errors.New("no role is called " + strconv.Quote(string(role)) + "; want score, weight, reward or mask")
		}
		if u.Role != NumberRole && u.Role != role {
			return errors.New("has the role " + string(u.Role) + " elsewhere in this loss, and " + string(role) + " here")
		}
		u.Role = role
		return nil
	}
}

// Values are examples of what the column may hold. A check feeds them to the
// loss, so name those that decide a branch: both sides of a threshold, 0, a
// negative number.
func Values(values ...float64) ColumnOption {
	return func(u *ColumnUse) error {
		if err := wantFinite(values...); err != nil {
			return err
		}
		u.Values = append([]float64(nil), values...)
		return nil
	}
}

// Range bounds the column's numbers, min and max included.
func Range(min, max float64) ColumnOption {
	return func(u *ColumnUse) error {
		if err := wantFinite(min, max); err != nil {
			return err
		}
		if min > max {
			return errors.New("its range begins at " + describeValue(min) + " and ends at " + describeValue(max))
		}
		u.Min, u.Max = &min, &max
		return nil
	}
}

// Optional says that a formatter may leave the column out. The loss reads zeros
// then, as it does for an example that does not set a column.
func Optional() ColumnOption {
	return func(u *ColumnUse) error {
		u.Optional = true
		return nil
	}
}

func wantFinite(values ...float64) error {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("its values include " + describeValue(v) + "; want finite numbers")
		}
	}
	return nil
}

// OutputKind is the kind of thing that a formatter gives for an example. A kind
// and a name make the input of a loss that reads it: column.score,
// example_column.weight, label.topic.
type OutputKind string

// The kinds of outputs.
const (
	CandidateColumn OutputKind = "column"         // one number a candidate; also the empty kind
	ExampleColumn   OutputKind = "example_column" // one number an example
	ClassLabel      OutputKind = "label"          // the class of an example under the head of that name
)

// Output is one thing that a formatter gives to losses.
type Output struct {
	Name string
	Kind OutputKind
	Role ColumnRole // of a column

	// Padding is the value of a candidate column for a padding candidate; 0
	// means the role's.
	Padding float64
}

// Input is the name of the input through which a loss reads the output.
func (o Output) Input() string {
	if o.Kind == "" {
		return string(CandidateColumn) + "." + o.Name
	}
	return string(o.Kind) + "." + o.Name
}

// PaddingValue is Padding, or the role's where that is 0.
func (o Output) PaddingValue() float64 {
	if o.Padding != 0 {
		return o.Padding
	}
	return o.Role.Padding()
}
