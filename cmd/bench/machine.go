package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc, on every Linux.
const tick = 10 * time.Millisecond

// busyTime is the CPU time that the machine has spent since it started, over
// all its processors: what others on the same hardware took counts too.
func busyTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("%w; bench measures on Linux", err)
	}
	return parseBusy(string(text))
}

// parseBusy reads /proc/stat's first line: user, nice, system, idle, iowait,
// irq, softirq, steal, and what is part of these.
func parseBusy(text string) (time.Duration, error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return 0, fmt.Errorf("/proc/stat begins %q; want cpu and 8 numbers", line)
	}
	var busy time.Duration
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		busy += time.Duration(ticks) * tick
	}
	return busy, nil
}

// processTime is the CPU time of a process and all its threads.
func processTime(pid int) (time.Duration, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	// The second field is a name in brackets and may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var total time.Duration
	for _, i := range []int{11, 12} { // utime, stime: fields 14 and 15 of the whole line
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		total += time.Duration(ticks) * tick
	}
	return total, nil
}

// memory is the bytes of a process that are resident, now and at most so far.
type memory struct {
	Now  int64 `json:"now"`
	Peak int64 `json:"peak"`
}

func processMemory(pid int) (m memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			m.Now = kib << 10
		case "VmHWM":
			m.Peak = kib << 10
		}
	}
	return m, nil
}

// load is the number of runnable processes over the last minute.
func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	value, _ := strconv.ParseFloat(first, 64)
	return value
}

func processorName() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// watch compares what the machine did with what one process did.
type watch struct {
	pid       int
	at        time.Time
	busy, own time.Duration
}

func startWatch(pid int) (w watch, err error) {
	w = watch{pid: pid}
	if w.busy, err = busyTime(); err != nil {
		return w, err
	}
	w.own, err = processTime(pid)
	w.at = time.Now()
	return w, err
}

// since returns the CPU time of the process since w, and the share of the
// machine that all others took, from 0 to 1.
func (w watch) since() (own time.Duration, foreign float64, err error) {
	now, err := startWatch(w.pid)
	if err != nil {
		return 0, 0, err
	}
	own = now.own - w.own
	all := time.Duration(runtime.NumCPU()) * now.at.Sub(w.at)
	return own, max(0, float64(now.busy-w.busy-own)/float64(all)), nil
}

// quietShare of the machine may be in use where a step is to begin.
const quietShare = 0.12

// waitForQuiet returns when the machine has been nearly idle for a moment, or
// when patience is at an end.
func waitForQuiet(patience time.Duration) error {
	const moment = 250 * time.Millisecond
	for end := time.Now().Add(patience); time.Now().Before(end); {
		before, err := busyTime()
		if err != nil {
			return err
		}
		time.Sleep(moment)
		after, err := busyTime()
		if err != nil {
			return err
		}
		if float64(after-before) < quietShare*float64(moment)*float64(runtime.NumCPU()) {
			return nil
		}
	}
	return nil
}
