package tensor

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"llmhost/host/tensor/internal/shim"
)

// Device is where tensors live: CPU, or the index of a CUDA device.
type Device int32

// CPU is the host's own memory and processors.
const CPU Device = -1

// String returns PyTorch's name: "cpu" or "cuda:0".
func (d Device) String() string {
	if d == CPU {
		return "cpu"
	}
	return fmt.Sprintf("cuda:%d", int32(d))
}

// Load loads libtorch, unless it is loaded. Any operation does so where it has
// to, but can only end the program when libtorch cannot be loaded; a run calls
// Load, or OpenDevice, first and gets an error that says what to do about it.
func Load() error { return shim.Load() }

// OpenDevice reads "auto", "cpu", "cuda" or "cuda:N" and loads libtorch. For all
// but "cpu" it loads its CUDA half too, where there is one; "auto" falls back to
// the CPU.
func OpenDevice(name string) (Device, error) {
	index, isCUDA, err := parseDevice(name)
	if err != nil {
		return CPU, err
	}
	if err := Load(); err != nil || name == "cpu" {
		return CPU, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if !shim.LoadCUDA() {
		cause := firstLine(shim.TakeError())
		if !isCUDA {
			return CPU, nil
		}
		return CPU, fmt.Errorf(
			"device %q: this libtorch has no CUDA half (%s); set device = \"cpu\", or point LIBTORCH at a torch with CUDA and run make setup",
			name,
			cause,
		)
	}
	count := shim.CUDACount()
	cause := firstLine(shim.TakeError())
	switch {
	case index < count:
		return Device(index), nil
	case !isCUDA:
		return CPU, nil
	case count == 0:
		return CPU, fmt.Errorf(
			"device %q: no CUDA device found%s; set device = \"cpu\" or \"auto\"",
			name,
			parenthesised(cause),
		)
	}
	return CPU, fmt.Errorf(
		"device %q: this machine has %d CUDA devices, cuda:0 to cuda:%d; name one of them",
		name,
		count,
		count-1,
	)
}

func parseDevice(name string) (index int, isCUDA bool, err error) {
	rest, isCUDA := strings.CutPrefix(name, "cuda")
	switch {
	case name == "auto" || name == "cpu":
		return 0, false, nil
	case isCUDA && rest == "":
		return 0, true, nil
	case isCUDA && strings.HasPrefix(rest, ":"):
		if index, err = strconv.Atoi(rest[1:]); err == nil && index >= 0 {
			return index, true, nil
		}
	}
	return 0, false, fmt.Errorf("device is %q; want \"auto\", \"cpu\" or \"cuda:0\"", name)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func parenthesised(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// SetThreads sets how many threads one operation may use; 0 means all
// processors. It returns the number in force. Results on the CPU are
// reproducible to the byte for one number of threads only.
//
// The calling goroutine stays on its thread from then on: each thread that
// calls into libtorch gets worker threads of its own, and two sets of them on
// the same processors slow each other down.
func SetThreads(n int) int {
	runtime.LockOSThread()
	if n <= 0 {
		n = runtime.NumCPU()
	}
	shim.SetThreads(n)
	return shim.Threads()
}

// Version returns libtorch's version, such as "2.11.0".
func Version() string { return shim.TorchVersion() }

// ManualSeed seeds libtorch's generators on all devices.
func ManualSeed(seed int64) { shim.ManualSeed(seed) }

// RNGState returns the states of libtorch's generators, for checkpoints: the
// CPU's, then those of the CUDA devices.
func RNGState() []byte { return shim.RNGState() }

// SetRNGState sets the generators to the states that RNGState returned, as far as
// there are devices for them.
func SetRNGState(state []byte) { shim.SetRNGState(state) }

// SetDeterministic makes libtorch refuse kernels whose results can differ from
// run to run.
func SetDeterministic(on bool) { shim.Deterministic(on) }

// PeakMemory returns the most bytes that this process has had resident on the
// CPU, or allocated on a CUDA device.
func (d Device) PeakMemory() int64 {
	if d != CPU {
		_, peak := shim.CUDAMemory(int(d))
		return peak
	}
	return residentField("VmHWM:")
}

func residentField(name string) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}
