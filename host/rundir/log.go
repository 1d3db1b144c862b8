package rundir

import (
	"os"
	"path/filepath"
	"time"

	"llmhost/host/atomicfile"
	"llmhost/host/metrics"
	"llmhost/host/rundir/report"
)

// Dir is a run's folder while the run writes into it.
type Dir struct {
	Path   string
	lines  *metrics.JSONL
	events *metrics.Events // nil where nobody asked

	nextDrawing time.Time // Redraw does nothing before it
}

// Options say how a run's folder is opened.
type Options struct {
	Start       Start
	Resumed     bool // resume_from_checkpoint is set, also where no checkpoint was there yet
	TensorBoard bool // write event files beside metrics.jsonl
}

// Open makes the folder at path ready and opens its logs. They continue where the
// checkpoint left off: lines that a run wrote after it are removed, because those
// steps are made again.
func Open(path string, o Options, note Noter) (*Dir, error) {
	if err := prepare(path, o.Start, o.Resumed, note); err != nil {
		return nil, err
	}
	metricsPath := filepath.Join(path, MetricsName)
	lines, err := metrics.OpenJSONL(metricsPath, keptBytes(metricsPath, o.Start))
	if err != nil {
		return nil, err
	}
	d := &Dir{Path: path, lines: lines}
	if o.TensorBoard {
		if d.events, err = metrics.CreateEvents(path, time.Now(), o.Start.State.GlobalStep+1); err != nil {
			lines.Close()
			return nil, err
		}
	}
	return d, nil
}

// keptBytes is how much of a log was written before the checkpoint.
func keptBytes(path string, s Start) int64 {
	info, err := os.Stat(path)
	if err != nil || !s.Continues() {
		return 0
	}
	return min(info.Size(), s.State.MetricsBytes)
}

// Append logs the numbers of one moment.
func (d *Dir) Append(e metrics.Entry) error {
	if err := d.lines.Append(e); err != nil {
		return err
	}
	if d.events == nil {
		return nil
	}
	return d.events.Append(time.Now(), e)
}

// Sync makes what was logged durable and returns how many bytes of
// metrics.jsonl that is.
func (d *Dir) Sync() (int64, error) {
	return d.lines.Offset(), d.lines.Sync()
}

// Entries reads back all that the run logged.
func (d *Dir) Entries() ([]metrics.Entry, error) {
	if _, err := d.Sync(); err != nil {
		return nil, err
	}
	return metrics.ReadJSONL(filepath.Join(d.Path, MetricsName))
}

// WriteSettings writes the run's settings as TOML.
func (d *Dir) WriteSettings(toml string) error {
	return atomicfile.WriteFile(filepath.Join(d.Path, SettingsName), []byte(toml))
}

// Draw writes the picture of the curves of entries.
func (d *Dir) Draw(title string, entries []metrics.Entry) error {
	return atomicfile.WriteFile(filepath.Join(d.Path, CurveName), report.SVG(title, report.Panels(entries)))
}

// Between two drawings of the picture there are this time, and that of a drawing
// so many times: a long log takes long to read.
const (
	drawingPause = 10 * time.Second
	drawingShare = 50
)

// Redraw renews the picture during the run, unless it is new. A picture that cannot
// be drawn does not stop a run; Draw at its end has the error.
func (d *Dir) Redraw(title string) {
	began := time.Now()
	if began.Before(d.nextDrawing) {
		return
	}
	if entries, err := d.Entries(); err == nil {
		_ = d.Draw(title, entries)
	}
	took := time.Since(began)
	d.nextDrawing = began.Add(max(drawingPause, drawingShare*took))
}

// Close closes the logs.
func (d *Dir) Close() {
	d.lines.Close()
	if d.events != nil {
		d.events.Close()
	}
}
