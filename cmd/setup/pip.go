package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// pip downloads wheels into Dest with the user's python3 -m pip, which knows
// the user's indexes, mirrors and certificates.
type pip struct {
	Dest string
	*report
}

// anyPython asks for a wheel regardless of the installed python3: the libraries
// in it are the same, and its Python may be too old or too new to have one.
func anyPython() []string {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	args := []string{"--python-version", "3.12", "--implementation", "cp", "--abi", "cp312", "--abi", "none"}
	for _, glibc := range []string{"manylinux_2_28", "manylinux_2_27", "manylinux_2_25", "manylinux_2_17", "manylinux2014"} {
		args = append(args, "--platform", glibc+"_"+machine)
	}
	return args
}

// download brings the one wheel of requirement and gives its path.
func (p pip) download(ctx context.Context, requirement string) (string, error) {
	err := p.run(ctx, requirement, nil)
	var none *noWheelError
	if errors.As(err, &none) {
		err = p.run(ctx, requirement, anyPython())
	}
	if err != nil {
		return "", err
	}
	name, _, _ := strings.Cut(requirement, "==")
	found, _ := filepath.Glob(filepath.Join(p.Dest, strings.ReplaceAll(name, "-", "_")+"-*.whl"))
	if len(found) != 1 {
		return "", fmt.Errorf("pip download %s left %d wheels in %s; want one", requirement, len(found), p.Dest)
	}
	return found[0], nil
}

// run starts pip for one requirement and draws progress while it works. pip
// keeps the growing file in its temporary folder, which is put beside Dest so
// that its size can be watched and the end is a rename.
func (p pip) run(ctx context.Context, requirement string, extra []string) error {
	temporary := p.Dest + ".tmp"
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	args := []string{"-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--progress-bar=off", "--dest", p.Dest}
	cmd := exec.CommandContext(ctx, "python3", append(append(args, extra...), requirement)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary, "PYTHONUNBUFFERED=1", "PIP_REQUIRE_VIRTUALENV=0", "PIP_QUIET=0", "PIP_DISABLE_PIP_VERSION_CHECK=1", "LC_ALL=C.UTF-8")
	cmd.WaitDelay = time.Second
	var said strings.Builder
	reader, writer := io.Pipe()
	cmd.Stdout = io.MultiWriter(writer, &said)
	cmd.Stderr = &said
	sizes := make(chan int64, 8)
	go readSizes(reader, sizes)
	done := make(chan error, 1)
	go func() { done <- cmd.Run(); writer.Close() }()
	if err := p.watch(requirement, temporary, sizes, done); err != nil {
		return pipError(requirement, err, said.String())
	}
	return nil
}

// watch draws progress until pip is done.
func (p pip) watch(requirement, temporary string, sizes <-chan int64, done <-chan error) error {
	p.note("downloading %s", requirement)
	bar := p.newProgress(requirement)
	defer bar.end()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err == nil {
				bar.update(bar.total)
			}
			return err
		case size := <-sizes:
			if bar.total == 0 {
				bar.started = time.Now() // looking things up does not count towards the speed
			}
			bar.total += size
		case <-tick.C:
			bar.update(wheelBytes(temporary))
		}
	}
}

// announced matches pip's line that a wheel of some size is coming.
var announced = regexp.MustCompile(`(?:Downloading|Using cached) .*\.whl \(([0-9.]+) ([kMG]?)B\)`)

// readSizes sends the bytes of every download that pip's output announces.
func readSizes(from io.Reader, sizes chan<- int64) {
	units := map[string]float64{"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if m := announced.FindStringSubmatch(lines.Text()); m != nil {
			number, _ := strconv.ParseFloat(m[1], 64)
			sizes <- int64(number * units[m[2]])
		}
	}
	io.Copy(io.Discard, from)
}

// wheelBytes is the size of all wheels under dir. Files that come and go while
// it looks are not an error.
func wheelBytes(dir string) (total int64) {
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".whl") {
			if info, err := entry.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

// noWheelError says that pip knows no wheel for this Python and machine.
type noWheelError struct {
	requirement string
	none        bool // not of another version either, as when no index answers
}

func (e *noWheelError) Error() string {
	fix := "ask for another version with -torch"
	if e.none {
		fix = "check the network and the index that pip is set to"
	}
	return fmt.Sprintf("pip finds no wheel of %s for linux/%s; %s, or name a libtorch folder in LIBTORCH", e.requirement, runtime.GOARCH, fix)
}

// pipError turns what pip said into a cause and a fix.
func pipError(requirement string, err error, said string) error {
	says := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(said, part) {
				return true
			}
		}
		return false
	}
	const otherwise = "or name a libtorch folder in LIBTORCH"
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("python3: not found, and libtorch comes with its pip; install it (apt-get install python3 python3-pip), " + otherwise)
	case says("No module named pip"):
		return errors.New("python3 has no pip, and libtorch comes with it; install it (apt-get install python3-pip), " + otherwise)
	case says("No space left on device"):
		return errors.New("the disk of the cache folder is full; free some, or set XDG_CACHE_HOME to a folder on another disk")
	case says("NewConnectionError", "Max retries exceeded", "Temporary failure in name resolution", "Network is unreachable", "timed out", "ProxyError", "ConnectionResetError", "IncompleteRead"):
		return fmt.Errorf("pip cannot reach its package index for %s; check the network or pip's own settings, %s", requirement, otherwise)
	case says("No matching distribution found"):
		return &noWheelError{requirement, says("(from versions: none)")}
	}
	return fmt.Errorf("pip download %s: %w: %s", requirement, err, lastLines(said, 5))
}
