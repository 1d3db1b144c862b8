// Shared by all files of the shim: handles, and exceptions converted to the error
// that shim_take_error returns.
//
// Each file compiles on its own. Setup includes them all in one source, because
// most of the time to compile each goes into torch's headers.
#pragma once

#include "../shim.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>
#include <string>
#include <vector>

namespace shim {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

inline thread_local std::string last_error;
inline thread_local bool failed = false;

inline int fail(const char *what) {
  last_error = what;
  failed = true;
  return 1;
}

// Runs f and turns a C++ exception into the thread's pending error.
template <typename F> int guard(F f) {
  try {
    f();
    return 0;
  } catch (const c10::Error &e) {
    return fail(e.what_without_backtrace());
  } catch (const std::exception &e) {
    return fail(e.what());
  }
}

// Returns a handle to the tensor that f returns, or NULL after an exception.
template <typename F> void *make(F f) {
  void *out = nullptr;
  guard([&] { out = new Tensor(f()); });
  return out;
}

// The tensor of a handle.
inline Tensor &ref(void *t) { return *static_cast<Tensor *>(t); }

// The type to compute in for x: float64 if x is float64, otherwise float32.
inline at::ScalarType at_least_float(const Tensor &x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

} // namespace shim

using namespace shim;
