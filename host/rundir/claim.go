package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// LockName is the file by whose lock a process holds a folder. It is there while a
// process writes into the folder, or where one was killed.
const LockName = "run.lock"

// Claim is a folder that no other process may write into.
type Claim struct {
	lock *os.File
	made []string // folders that Hold made, the outermost first
}

// holder is the content of the lock file.
type holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// Hold takes the lock of dir, which is made where it is absent, for a command of
// llmhost. Where another process has it, the error says which. The system drops
// the lock of a process that ends, however it ends.
func Hold(dir, command string, note Noter) (*Claim, error) {
	if _, err := notEmpty(dir); err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // "" where the system has no name
	me := holder{os.Getpid(), host, command, time.Now().Round(time.Second)}
	c := &Claim{}
	if err := c.take(dir, me, note); err != nil {
		c.Release()
		return nil, err
	}
	return c, nil
}

// HoldEmpty is Hold for a folder that must be empty or absent.
func HoldEmpty(dir, command string, note Noter) (*Claim, error) {
	c, err := Hold(dir, command, note)
	if err != nil {
		return nil, err
	}
	used, err := notEmpty(dir)
	if err == nil && used {
		err = fmt.Errorf("output_dir %s is not empty; name another folder or empty this one", dir)
	}
	if err != nil {
		c.Release()
		return nil, err
	}
	return c, nil
}

// take opens and locks the file. A file that its holder removed meanwhile is not
// the one that others would lock, so it is opened again.
func (c *Claim) take(dir string, me holder, note Noter) error {
	path := filepath.Join(dir, LockName)
	for {
		if err := c.makeAll(dir); err != nil {
			return err
		}
		lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process removed the folder that it had made
		}
		if err != nil {
			return fmt.Errorf("output_dir %s: %w", dir, err)
		}
		if err := flock(lock); err != nil {
			defer lock.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return inUse(dir, me, readHolder(lock))
			}
			note("the file system of output_dir %s has no locks (%v); make sure that no other run writes into it", dir, err)
			return nil
		}
		if isAt(lock, path) {
			c.lock = lock
			return c.sign(dir, me, note)
		}
		lock.Close()
	}
}

// flock locks a file, or returns EWOULDBLOCK where another process has it.
func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// isAt tells whether an open file is the one at path.
func isAt(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(open, there)
}

// sign writes into the lock file whose it is.
func (c *Claim) sign(dir string, me holder, note Noter) error {
	if before, ok := parseHolder(c.lock); ok && before.Host != me.Host {
		note(
			"output_dir %s was held by process %d on %s since %s, which ended without leaving it; where its file system keeps locks of one machine from another, make sure that it has ended",
			dir,
			before.PID,
			before.Host,
			before.Since.Format(time.DateTime),
		)
	}
	text, err := json.Marshal(me)
	if err != nil {
		return err
	}
	if err := c.lock.Truncate(0); err != nil {
		return err
	}
	_, err = c.lock.WriteAt(append(text, '\n'), 0)
	return err
}

// readHolder reads whose a lock is; its holder may not have signed it yet.
func readHolder(lock *os.File) holder {
	for range 20 {
		if h, ok := parseHolder(lock); ok {
			return h
		}
		time.Sleep(10 * time.Millisecond)
	}
	return holder{}
}

func parseHolder(lock *os.File) (h holder, ok bool) {
	text, err := io.ReadAll(io.NewSectionReader(lock, 0, 4096))
	return h, err == nil && json.Unmarshal(text, &h) == nil && h.PID != 0
}

// inUse says who holds a folder.
func inUse(dir string, me, other holder) error {
	if other.PID == 0 {
		return fmt.Errorf("output_dir %s is in use by another process; wait for it to end, or name another output_dir", dir)
	}
	stop := fmt.Sprintf("stop it with kill %d", other.PID)
	if other.Host != me.Host {
		stop = "stop it there"
	}
	return fmt.Errorf(
		"output_dir %s is in use: llmhost %s has held it since %s as process %d on %s; wait for it to end, %s, or name another output_dir",
		dir,
		other.Command,
		other.Since.Local().Format(time.DateTime),
		other.PID,
		other.Host,
		stop,
	)
}

// makeAll makes dir and the folders above it, and remembers which were not there.
func (c *Claim) makeAll(dir string) error {
	var missing []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, at)
	}
	slices.Reverse(missing)
	c.made = append(c.made, missing...)
	return os.MkdirAll(dir, 0o755)
}

// Release removes the lock, and the folders that Hold made where nothing was
// written into them.
func (c *Claim) Release() {
	if c.lock != nil {
		_ = os.Remove(c.lock.Name()) // while it is locked: nobody else can hold it
		_ = c.lock.Close()
	}
	for _, folder := range slices.Backward(c.made) {
		_ = os.Remove(folder) // not while something is in it
	}
}
