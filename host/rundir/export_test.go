package rundir

import "time"

// MakeOld makes the picture old enough to be drawn again.
func (d *Dir) MakeOld() { d.nextDrawing = time.Time{} }
