package process

import (
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Only the files of a plugin, which its digest covers, may run from its folder:
// another one there could be exchanged without anybody being told. What is
// installed elsewhere is the system's, and not the plugin's.

// checkCommand returns what is wrong with an interpreter and its arguments. An
// interpreter in the folder becomes the one in the copy.
func (p *Program) checkCommand() error {
	named := p.command[0]
	if at := p.fromHome(named); strings.ContainsRune(named, filepath.Separator) && (!filepath.IsAbs(named) || p.isAtHome(at)) {
		i := slices.IndexFunc(p.files, func(f source) bool { return f.path == at })
		if i < 0 {
			return p.fault(
				CannotStart,
				"its interpreter %s is not among its files, so no digest would cover it; list it in files, or name one that is installed outside the plugin's folder, such as \"python3\"",
				named,
			)
		}
		p.interpreter = p.files[i].name
	}
	for _, arg := range p.command[1:] {
		if leavesCopy(arg) || strings.Contains(arg+"/", p.home+"/") || filepath.IsAbs(arg) && p.isAtHome(arg) {
			return p.fault(
				CannotStart,
				"its interpreter's argument %q leads out of the copy that runs; name files of the plugin by their path in its folder",
				arg,
			)
		}
	}
	return p.checkLoads()
}

// leavesCopy reports whether a relative path leads out of the folder that it is
// relative to.
func leavesCopy(arg string) bool {
	_, path, given := strings.Cut(arg, "=") // --option=path
	if !given {
		path = arg
	}
	path = filepath.Clean(path)
	return path == ".." || strings.HasPrefix(path, "../")
}

// fromHome is the path of a name that is relative to the plugin's folder.
func (p *Program) fromHome(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(p.home, name)
}

// isAtHome reports whether a path is in the plugin's folder, as it is written or
// where its links lead.
func (p *Program) isAtHome(path string) bool {
	if p.home == "/" { // the folder of everything
		return false
	}
	return isBelow(p.home, path) || isBelow(p.home, resolved(path))
}

func isBelow(folder, path string) bool {
	inside, err := filepath.Rel(folder, path)
	return err == nil && inside != ".." && !strings.HasPrefix(inside, ".."+string(filepath.Separator))
}

// resolved follows the links of a path, as far as it exists.
func resolved(path string) string {
	rest := ""
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return path
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// found returns the interpreter that is on the PATH, or in the copy in root.
func (p *Program) found(root string) (string, error) {
	if p.interpreter != "" {
		return filepath.Join(root, filepath.FromSlash(p.interpreter)), nil
	}
	at, err := exec.LookPath(p.command[0])
	if err != nil {
		return "", p.fault(
			CannotStart,
			"its interpreter %s was not found (PATH is %s); install it, or name another in its manifest",
			p.command[0],
			os.Getenv("PATH"),
		)
	}
	if p.isAtHome(at) {
		return "", p.fault(
			CannotStart,
			"its interpreter %s is %s, in the plugin's folder and not among its files, so no digest covers it; keep interpreters, and environments such as those of python3 -m venv, outside the plugin's folder",
			p.command[0],
			at,
		)
	}
	return at, nil
}

// checkLoads refuses a file that names something in the plugin's folder for the
// system to load with it: the interpreter of a script, the libraries of a
// program.
func (p *Program) checkLoads() error {
	for _, f := range p.files {
		for _, named := range p.loads(f) {
			if filepath.IsAbs(named) && p.isAtHome(named) {
				return p.fault(
					CannotStart,
					"its file %s loads from %s, in the plugin's folder, which no digest covers; link it statically, or install that outside the plugin's folder",
					f.name,
					named,
				)
			}
		}
	}
	return nil
}

// loads are the paths that a file names to the system.
func (p *Program) loads(f source) []string {
	file, err := os.Open(f.path)
	if err != nil {
		return nil // reading it for the digest says so
	}
	defer file.Close()
	begin := make([]byte, 4096)
	n, _ := io.ReadFull(file, begin)
	begin = begin[:n]
	runs := p.command == nil || f.name == p.interpreter
	if line, is := strings.CutPrefix(string(begin), "#!"); is && runs {
		line, _, _ = strings.Cut(line, "\n")
		return slices.DeleteFunc(strings.Fields(line), isOnPath)
	}
	if !strings.HasPrefix(string(begin), elf.ELFMAG) {
		return nil
	}
	return librariesOf(file)
}

// isOnPath reports whether a program is one that its bare name would find.
func isOnPath(path string) bool {
	found, err := exec.LookPath(filepath.Base(path))
	return err == nil && found == path
}

// librariesOf are the loader of an ELF file, the folders that it searches
// and the libraries that it names with a path.
func librariesOf(file io.ReaderAt) (paths []string) {
	program, err := elf.NewFile(file)
	if err != nil {
		return nil
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP && part.Filesz < 4096 {
			name, _ := io.ReadAll(part.Open())
			paths = append(paths, strings.TrimRight(string(name), "\x00"))
		}
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH, elf.DT_NEEDED} {
		values, _ := program.DynString(tag)
		for _, value := range values {
			paths = append(paths, strings.Split(value, ":")...)
		}
	}
	return paths
}
