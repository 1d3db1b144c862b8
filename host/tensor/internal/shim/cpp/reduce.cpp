// Reductions whose warnings would reach the user's terminal.
#include "handles.h"

namespace {

struct Silent : c10::WarningHandler {
  void process(const c10::Warning &) override {}
};

} // namespace

extern "C" {

// libtorch calls index_reduce a beta, once a process; handlers are a thread's own.
void *shim_index_reduce_max(void *t, int64_t axis, void *index, void *src) {
  return make([&] {
    Silent silent;
    c10::WarningUtils::WarningHandlerGuard quiet(&silent);
    return at::index_reduce(ref(t), axis, ref(index), ref(src), "amax", /*include_self=*/false);
  });
}

} // extern "C"
