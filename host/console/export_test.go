package console

import "time"

// SetClock gives c a clock of the test's own.
func (c *Console) SetClock(now func() time.Time) { c.now = now }
