package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// wheel is an open Python wheel: a zip whose RECORD lists the digest of every
// file in it.
type wheel struct {
	name   string
	zip    *zip.ReadCloser
	record map[string]string // file → "sha256=" and the digest in unpadded base64
}

// openWheel opens the wheel at path and reads its RECORD. Close it.
func openWheel(path string) (*wheel, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: not a whole wheel: %w", filepath.Base(path), err)
	}
	w := &wheel{
		name:   filepath.Base(path),
		zip:    archive,
		record: map[string]string{},
	}
	text, err := w.distInfo("RECORD")
	if err != nil {
		w.close()
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		w.close()
		return nil, fmt.Errorf("%s: RECORD: %w", w.name, err)
	}
	for _, row := range rows {
		if len(row) > 1 {
			w.record[row[0]] = row[1]
		}
	}
	return w, nil
}

// close closes the archive.
func (w *wheel) close() { w.zip.Close() }

// distInfo reads a file of the wheel's own description.
func (w *wheel) distInfo(name string) ([]byte, error) {
	for _, file := range w.zip.File {
		folder, base := path.Split(file.Name)
		if base == name && strings.HasSuffix(folder, ".dist-info/") && strings.Count(folder, "/") == 1 {
			content, err := file.Open()
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", w.name, name, err)
			}
			defer content.Close()
			return io.ReadAll(content)
		}
	}
	return nil, fmt.Errorf("%s: holds no %s; it is not a wheel", w.name, name)
}

// metadata is the wheel's METADATA: its version and what it requires.
func (w *wheel) metadata() (string, error) {
	text, err := w.distInfo("METADATA")
	return string(text), err
}

// library is the path in the wheel of the shared library called name, or "".
func (w *wheel) library(name string) string {
	for _, file := range w.zip.File {
		if path.Base(file.Name) == name {
			return file.Name
		}
	}
	return ""
}

// extractLibrary unpacks the shared library called name into the folder lib.
func (w *wheel) extractLibrary(name, lib string) error {
	in := w.library(name)
	if in == "" {
		return fmt.Errorf("%s: holds no %s; it is not a wheel of torch for Linux", w.name, name)
	}
	return w.extract(in, filepath.Join(lib, name))
}

// extractTree unpacks everything under prefix in the wheel into the folder to.
func (w *wheel) extractTree(prefix, to string) error {
	for _, file := range w.zip.File {
		rest, ok := strings.CutPrefix(file.Name, prefix)
		if !ok || strings.HasSuffix(rest, "/") || !filepath.IsLocal(rest) {
			continue
		}
		if err := w.extract(file.Name, filepath.Join(to, rest)); err != nil {
			return err
		}
	}
	return nil
}

// extract unpacks one file and checks it against the RECORD.
func (w *wheel) extract(name, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	from, err := w.zip.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	defer from.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	hash := sha256.New()
	buffer := bufio.NewWriterSize(out, 1<<20)
	_, err = io.Copy(io.MultiWriter(buffer, hash), from)
	for _, finish := range []func() error{buffer.Flush, out.Close} {
		if finished := finish(); err == nil {
			err = finished
		}
	}
	if err != nil {
		return fmt.Errorf("unpack %s of %s: %w", name, w.name, err)
	}
	if got := "sha256=" + base64.RawURLEncoding.EncodeToString(hash.Sum(nil)); got != w.record[name] {
		return fmt.Errorf("%s: %s has %s, its RECORD says %q; the download is damaged: run make setup again", w.name, name, got, w.record[name])
	}
	return nil
}
