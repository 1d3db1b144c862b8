package plugin

// RowError is what a formatter's Format returns if it knows which row of the
// batch made it fail.
type RowError struct {
	Row int // counted from 0 in the batch
	Err error
}

// Error is what happened; the caller knows the row's place in its file.
func (e *RowError) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *RowError) Unwrap() error { return e.Err }

// AtRow is the row's number in the batch.
func (e *RowError) AtRow() int { return e.Row }
