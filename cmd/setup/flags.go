package main

import "slices"

// compileFlags are the compiler's flags for C++ against t.
func (t libtorch) compileFlags() []string {
	abi := "-D_GLIBCXX_USE_CXX11_ABI=1"
	if t.OldABI {
		abi = "-D_GLIBCXX_USE_CXX11_ABI=0"
	}
	return []string{"-std=c++20", "-O2", "-fPIC", "-w", abi, "-I" + t.Include, "-I" + t.Include + "/torch/csrc/api/include"}
}

// linkFlags link the CPU half of t alone, so that one library serves machines
// with and without a GPU; the CUDA half registers itself when it is loaded. The
// loader looks for t where it is now, after LD_LIBRARY_PATH.
func (t libtorch) linkFlags() []string {
	flags := []string{"-L" + t.Lib, "-Wl,--enable-new-dtags", "-Wl,-z,defs"}
	for _, dir := range slices.Concat([]string{t.Lib}, t.LinkDirs) {
		flags = append(flags, "-Wl,-rpath,"+dir, "-Wl,-rpath-link,"+dir)
	}
	return append(flags, "-Wl,--no-as-needed", "-ltorch_cpu", "-lc10")
}
