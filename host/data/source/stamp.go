package source

import (
	"os"
	"slices"
	"time"
)

// Stamp is what the file system says of a file without its being read. Of a file that
// was written to since it says something else: even a program that sets the time of
// writing back does not choose the time at which it did so.
type Stamp struct {
	Bytes    int64  `json:"bytes"`
	Modified int64  `json:"modified"` // the content, in nanoseconds since 1970
	Changed  int64  `json:"changed"`  // anything about the file, likewise; 0 where nobody says it
	Device   uint64 `json:"device"`   // 0 where nobody says it
	File     uint64 `json:"file"`     // its number on the device, likewise
}

// stamps are those of the files that in is made of.
func (in *input) stamps() ([]Stamp, error) {
	var all []Stamp
	for _, path := range in.parts() {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		s := Stamp{Bytes: info.Size(), Modified: info.ModTime().UnixNano()}
		s.addSystem(info)
		all = append(all, s)
	}
	return all, nil
}

// Settled tells whether the file was last written to some time before a moment: a clock of
// the file system may stand still for up to two seconds, in which another write leaves
// the same stamp.
func (f File) Settled(at time.Time) bool {
	border := at.Add(-3 * time.Second).UnixNano()
	return len(f.Stamps) > 0 && !slices.ContainsFunc(f.Stamps, func(s Stamp) bool {
		return s.Changed == 0 || s.Modified > border || s.Changed > border
	})
}
