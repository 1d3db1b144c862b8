package main

import (
	"slices"
	"strings"
)

// compileFlags are the compiler's flags for C++ against t.
func (t libtorch) compileFlags() []string {
	abi := "-D_GLIBCXX_USE_CXX11_ABI=1"
	if t.OldABI {
		abi = "-D_GLIBCXX_USE_CXX11_ABI=0"
	}
	return []string{"-std=c++20", "-O2", "-w", abi, "-I" + t.Include, "-I" + t.Include + "/torch/csrc/api/include"}
}

// linkFlags link the CPU half of t alone, so that one binary serves machines
// with and without a GPU; the CUDA half registers itself when it is loaded.
func (t libtorch) linkFlags() []string {
	flags := []string{"-L" + t.Lib}
	for _, dir := range slices.Concat([]string{t.Lib}, t.LinkDirs) {
		flags = append(flags, "-Wl,-rpath,"+dir, "-Wl,-rpath-link,"+dir)
	}
	return append(flags, "-Wl,--no-as-needed", "-ltorch_cpu", "-lc10", "-lstdc++")
}

// directive is the cgo comment line that sets kind to flags.
func directive(kind string, flags []string) string {
	quoted := make([]string, len(flags))
	for i, flag := range flags {
		if quoted[i] = flag; strings.Contains(flag, " ") {
			quoted[i] = `"` + flag + `"`
		}
	}
	return "// #cgo " + kind + ": " + strings.Join(quoted, " ") + "\n"
}
