package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/jsonerror"
	"llmhost/host/plugin/output"

	"github.com/BurntSushi/toml"
)

// The name of a script's manifest, in its folder.
const (
	manifestTOML = "plugin.toml"
	manifestJSON = "plugin.json"
)

// maxFiles is the most files that a script may have.
const maxFiles = 1000

// manifest says how a script is run:
//
//	interpreter = "python3"            # found on the PATH, or one of the files
//	args = ["-X", "utf8"]              # of the interpreter; none by default
//	entry = "main.py"                  # what it runs
//	files = [".", "../llmhost_plugin"] # files and folders that belong to it; "." by default
//
// Files are relative to the manifest's folder. One from outside it is placed
// beside the others under its own name. Hidden files and __pycache__ are left
// out. The manifest itself is always among the files.
type manifest struct {
	Interpreter string   `toml:"interpreter" json:"interpreter"`
	Args        []string `toml:"args" json:"args"`
	Entry       string   `toml:"entry" json:"entry"`
	Files       []string `toml:"files" json:"files"`
}

// IsManifest reports whether path is named like a script's manifest.
func IsManifest(path string) bool {
	name := filepath.Base(path)
	return name == manifestTOML || name == manifestJSON
}

// openScript reads the manifest at path, or in the folder at path.
func openScript(path string, isFolder bool) (*Program, error) {
	file := path
	if isFolder {
		file = filepath.Join(path, manifestTOML)
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			file = filepath.Join(path, manifestJSON)
		}
	}
	text, err := readRegular(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf(
			"plugin %s: is a folder without a %s, which says how to run it; want one, an executable, or the .wasm file that llmhost plugins build makes of a project",
			path,
			manifestTOML,
		)
	case err != nil:
		return nil, fmt.Errorf("plugin %s: %w", path, err)
	}
	m, err := readManifest(file, text)
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %s: %w", path, filepath.Base(file), err)
	}
	return m.program(path, file, text)
}

// readRegular reads a file that is neither a pipe nor a device, which might have
// no end.
func readRegular(file string) ([]byte, error) {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", filepath.Base(file))
	}
	return os.ReadFile(file)
}

// readManifest decodes a manifest; a key that it does not know is an error.
func readManifest(file string, text []byte) (m manifest, err error) {
	if strings.HasSuffix(file, ".json") {
		reader := json.NewDecoder(bytes.NewReader(text))
		reader.DisallowUnknownFields()
		if err := reader.Decode(&m); err != nil {
			return m, jsonerror.Explain(text, err)
		}
	} else {
		meta, err := toml.Decode(string(text), &m)
		if err != nil {
			return m, err
		}
		if unknown := meta.Undecoded(); len(unknown) > 0 {
			return m, fmt.Errorf("unknown key %q; it has interpreter, args, entry and files", unknown[0].String())
		}
	}
	switch {
	case m.Interpreter == "":
		return m, errors.New(`interpreter is missing; want the program that runs the entry, such as "python3"`)
	case m.Entry == "":
		return m, errors.New("entry is missing; want the file that the interpreter runs")
	}
	if len(m.Files) == 0 {
		m.Files = []string{"."}
	}
	return m, nil
}

// program lists the files of a manifest, which was read as text.
func (m manifest) program(spec, file string, text []byte) (*Program, error) {
	folder, err := filepath.Abs(filepath.Dir(file))
	if err == nil {
		folder, err = filepath.EvalSymlinks(folder)
	}
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w", spec, err)
	}
	p := &Program{
		path:    spec,
		home:    folder,
		folder:  filepath.Base(folder),
		command: append([]string{m.Interpreter}, m.Args...),
		entry:   path.Clean(m.Entry),
	}
	p.files = []source{{filepath.Base(file), filepath.Join(folder, filepath.Base(file)), text}}
	for _, name := range m.Files {
		if err := p.add(folder, name); err != nil {
			return nil, fmt.Errorf("plugin %s: %w", spec, err)
		}
	}
	if err := p.order(); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(p.files, func(f source) bool { return f.name == p.entry }) {
		return nil, p.fault(CannotStart, "its entry %s is not among its files", m.Entry)
	}
	if err := p.checkCommand(); err != nil {
		return nil, err
	}
	p.digest, p.size, err = p.sum(p.files)
	return p, err
}

// order sorts the files by name and removes duplicates.
func (p *Program) order() error {
	slices.SortFunc(p.files, func(a, b source) int { return strings.Compare(a.name, b.name) })
	p.files = slices.CompactFunc(p.files, func(a, b source) bool { return a.name == b.name && a.path == b.path })
	for i, f := range p.files[1:] {
		if f.name == p.files[i].name {
			return p.fault(
				CannotStart,
				"%s and %s would both be called %s in its copy; rename one",
				p.files[i].path,
				f.path,
				f.name,
			)
		}
	}
	return nil
}

// add lists a file, or those of a folder.
func (p *Program) add(folder, name string) error {
	root := filepath.Join(folder, filepath.FromSlash(name))
	base := folder
	if inside, err := filepath.Rel(folder, root); err != nil ||
		inside == ".." ||
		strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		base = filepath.Dir(root)
	}
	return filepath.WalkDir(root, func(at string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && at == root {
			return fmt.Errorf("there is no %s, which its manifest lists in files; remove it there", output.Line(name))
		}
		if err != nil {
			return err
		}
		if at != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "__pycache__") {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return nil
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file; leave it out of files in the manifest", output.Line(at))
		}
		if len(p.files) == maxFiles {
			return fmt.Errorf("has more than %d files; list those it needs as files in the manifest", maxFiles)
		}
		inCopy, err := filepath.Rel(base, at)
		p.files = append(p.files, source{name: filepath.ToSlash(inCopy), path: at})
		return err
	})
}
