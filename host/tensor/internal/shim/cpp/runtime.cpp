// The library itself: errors, version, devices, threads, random numbers, memory,
// and backward passes.
#include "handles.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>
#include <dlfcn.h>
#include <malloc.h>
#include <cstring>

extern "C" {

char *shim_take_error(void) {
  if (!failed) return nullptr;
  failed = false;
  return strdup(last_error.c_str());
}

void shim_free(void *p) { free(p); }

const char *shim_torch_version(void) { return TORCH_VERSION; }

// libtorch_cuda registers its kernels when it is loaded, so that one binary
// serves machines with and without a GPU.
int shim_load_cuda(void) {
  static bool loaded = false;
  if (loaded) return 0;
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) return fail(dlerror());
  loaded = true;
  return 0;
}

int shim_cuda_count(void) {
  int n = 0;
  guard([&] {
    if (at::globalContext().hasCUDA()) n = at::getAccelerator().has_value() ? c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).deviceCount() : 0;
  });
  return n;
}

int shim_cuda_memory(int device, int64_t *allocated, int64_t *peak) {
  return guard([&] {
    auto *a = static_cast<c10::DeviceAllocator *>(c10::GetAllocator(c10::DeviceType::CUDA));
    auto s = a->getDeviceStats(device);
    *allocated = s.allocated_bytes[0].current;
    *peak = s.allocated_bytes[0].peak;
  });
}

// Every batch has new shapes, so malloc would map and unmap pages for nearly every
// tensor of a step; pages kept in the heap are faulted in only once.
static void keep_memory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

int shim_set_threads(int n) {
  return guard([&] {
    keep_memory();
    at::set_num_threads(n);
  });
}
int shim_get_threads(void) { return at::get_num_threads(); }
int shim_is_grad_enabled(void) { return c10::GradMode::is_enabled(); }
void shim_set_grad_enabled(int on) { c10::GradMode::set_enabled(on); }

void shim_manual_seed(int64_t seed) {
  guard([&] { at::manual_seed(seed); });
}

// The CPU's generator, and those of the CUDA devices that this process uses.
static std::vector<at::Generator> generators() {
  std::vector<at::Generator> all{at::detail::getDefaultCPUGenerator()};
  int n = shim_cuda_count();
  for (int i = 0; i < n; i++) all.push_back(at::globalContext().defaultGenerator({at::kCUDA, static_cast<c10::DeviceIndex>(i)}));
  return all;
}

int64_t shim_rng_state(uint8_t *out, int64_t cap) {
  int64_t n = 0;
  int broken = guard([&] {
    for (auto &g : generators()) {
      auto state = g.get_state();
      int64_t size = state.numel();
      if (n + size <= cap) std::memcpy(out + n, state.data_ptr(), size);
      n += size;
    }
  });
  return broken ? -1 : n;
}

int shim_set_rng_state(const uint8_t *state, int64_t n) {
  return guard([&] {
    for (auto &g : generators()) {
      auto t = g.get_state();
      if (n < t.numel()) return; // saved on a machine with fewer devices
      std::memcpy(t.data_ptr(), state, t.numel());
      g.set_state(t);
      state += t.numel();
      n -= t.numel();
    }
  });
}

int shim_deterministic(int on) {
  return guard([&] { at::globalContext().setDeterministicAlgorithms(on, false); });
}

int shim_copy_from(void *dst, const void *src, int64_t bytes) {
  return guard([&] {
    auto &d = ref(dst);
    TORCH_CHECK((int64_t)d.nbytes() == bytes, "tensor holds ", d.nbytes(), " bytes, given ", bytes);
    at::NoGradGuard no_grad;
    d.copy_(at::from_blob(const_cast<void *>(src), d.sizes(), d.options().device(at::kCPU).requires_grad(false)));
  });
}

int shim_copy_to(void *src, void *dst, int64_t bytes) {
  return guard([&] {
    auto s = ref(src).detach().to(at::kCPU).contiguous();
    TORCH_CHECK((int64_t)s.nbytes() == bytes, "tensor holds ", s.nbytes(), " bytes, wanted ", bytes);
    std::memcpy(dst, s.data_ptr(), bytes);
  });
}

int64_t shim_address(void *t) { return reinterpret_cast<int64_t>(ref(t).data_ptr()); }

int shim_backward(void *root, void *gradient) {
  return guard([&] {
    variable_list seed;
    if (gradient) seed.push_back(ref(gradient));
    torch::autograd::backward({ref(root)}, seed);
  });
}

} // extern "C"
