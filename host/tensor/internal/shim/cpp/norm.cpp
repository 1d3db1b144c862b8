// Root mean square norm: y = x r w with r = 1/sqrt(mean(x²) + eps).
#include "handles.h"

namespace {

struct RMSNorm : torch::autograd::Function<RMSNorm> {
  static Tensor forward(AutogradContext *ctx, Tensor x, Tensor weight, double eps) {
    auto real = at_least_float(x);
    auto wide = x.to(real);
    auto r = at::mul(wide, wide).mean(-1, true).add_(eps).rsqrt_();
    ctx->save_for_backward({x, weight, r});
    return at::mul(wide, r).mul_(weight).to(x.scalar_type());
  }

  // dx = r (g w - x r² mean(g w x)), dw = Σ g x r
  static variable_list backward(AutogradContext *ctx, variable_list grad) {
    auto saved = ctx->get_saved_variables();
    const Tensor &weight = saved[1], &r = saved[2];
    auto g = grad[0].to(r.scalar_type()), scaled = saved[0].to(r.scalar_type()).mul(r); // x r
    auto dweight = at::mul(g, scaled).reshape({-1, weight.size(0)}).sum(0).to(weight.scalar_type());
    auto gw = at::mul(g, weight);
    auto mean = at::mul(gw, scaled).mean(-1, true);
    auto dx = gw.sub_(scaled.mul_(mean)).mul_(r).to(saved[0].scalar_type());
    return {dx, dweight, Tensor()};
  }
};

} // namespace

extern "C" {

void *shim_rms_norm(void *x, void *weight, double eps) {
  return make([&] { return RMSNorm::apply(ref(x), ref(weight), eps); });
}

} // extern "C"
