package host

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"llmhost/host/config"
	"llmhost/host/metrics"
	"llmhost/host/train"
)

// runLog keeps the numbers of a run: metrics.jsonl, and TensorBoard events
// where report_to asks for them.
type runLog struct {
	lines  *metrics.JSONL
	events *metrics.Events // nil where nobody asked
}

// openRunLog goes on where the checkpoint left off: what a run that died wrote
// after it is cut away, because it is about to happen again.
func openRunLog(s config.Settings, from origin) (*runLog, error) {
	path := filepath.Join(s.OutputDir, metricsName)
	var offset int64
	if from.goesOn() {
		if info, err := os.Stat(path); err == nil {
			offset = min(info.Size(), from.State.MetricsBytes)
		}
	}
	lines, err := metrics.OpenJSONL(path, offset)
	if err != nil {
		return nil, err
	}
	l := &runLog{lines: lines}
	if slices.Contains(s.ReportTo, "tensorboard") {
		if l.events, err = metrics.CreateEvents(s.OutputDir, time.Now(), from.State.GlobalStep+1); err != nil {
			lines.Close()
			return nil, err
		}
	}
	return l, nil
}

func (l *runLog) emit(e train.Event) error {
	if e.Kind != train.Logged && e.Kind != train.Evaluated {
		return nil
	}
	if err := l.lines.Append(e.Entry); err != nil {
		return err
	}
	if l.events == nil {
		return nil
	}
	return l.events.Append(time.Now(), e.Entry)
}

// bytes makes what was written durable and returns how much it is.
func (l *runLog) bytes() (int64, error) { return l.lines.Offset(), l.lines.Sync() }

func (l *runLog) close() {
	l.lines.Close()
	if l.events != nil {
		l.events.Close()
	}
}
