// Rotary position embedding: each pair (x1, x2), one channel from each half, is
// rotated by an angle.
#include "handles.h"

namespace {

// Returns the rotated x: (x1 cos - x2 s, x2 cos + x1 s, rest), where x1 and x2
// have the width of cos each and the remaining channels are copied unchanged.
Tensor turn(const Tensor &x, const Tensor &cos, const Tensor &s) {
  int64_t half = cos.size(-1), rest = x.size(-1) - 2 * half;
  TORCH_CHECK(rest >= 0, "cannot turn ", half, " pairs of ", x.size(-1), " channels");
  auto x1 = x.narrow(-1, 0, half), x2 = x.narrow(-1, half, half);
  auto out = at::empty(x.sizes(), x.options());
  auto o1 = out.narrow(-1, 0, half), o2 = out.narrow(-1, half, half);
  at::mul_out(o1, x1, cos).addcmul_(x2, s, -1);
  at::mul_out(o2, x2, cos).addcmul_(x1, s);
  if (rest > 0) out.narrow(-1, 2 * half, rest).copy_(x.narrow(-1, 2 * half, rest));
  return out;
}

struct Rotate : torch::autograd::Function<Rotate> {
  static Tensor forward(AutogradContext *ctx, Tensor x, Tensor cos, Tensor sin) {
    ctx->save_for_backward({cos, sin});
    return turn(x, cos, sin);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grad) {
    auto saved = ctx->get_saved_variables();
    return {turn(grad[0], saved[0], saved[1].neg()), Tensor(), Tensor()};
  }
};

} // namespace

extern "C" {

void *shim_rotate(void *x, void *cos, void *sin) {
  return make([&] { return Rotate::apply(ref(x), ref(cos), ref(sin)); });
}

} // extern "C"
