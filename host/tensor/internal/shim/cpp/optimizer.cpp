// Gradients of a list of parameters, and AdamW (Loshchilov and Hutter 2019,
// algorithm 2) with the formulas of torch.optim.AdamW.
#include "handles.h"

#include <ATen/ops/_fused_adamw.h>
#include <cmath>

namespace {

// The gradients that exist among params.
std::vector<Tensor> gradients(void **params, int64_t n) {
  std::vector<Tensor> out;
  for (int64_t i = 0; i < n; i++) {
    if (ref(params[i]).grad().defined()) out.push_back(ref(params[i]).grad());
  }
  return out;
}

// 1 - beta^t for each t, all on the device.
std::vector<Tensor> bias_corrections(double beta, const std::vector<Tensor> &t) {
  auto c = at::_foreach_pow(at::Scalar(beta), t);
  at::_foreach_neg_(c);
  at::_foreach_add_(c, 1);
  return c;
}

// AdamW as a few operations over whole lists. If skip is 1, every factor is 1, every rate is 0, and the gradients are
// replaced by values that leave the averages unchanged: only the gradients are overwritten.
void adamw_foreach(std::vector<Tensor> &params, std::vector<Tensor> &grads, std::vector<Tensor> &m,
                   std::vector<Tensor> &v, const std::vector<Tensor> &steps, const Tensor &skip, const shim_adamw_options &o) {
  auto skipped = skip.ne(0);
  auto unless_skipped = [&](double value, double otherwise) {
    auto number = [&](double x) { return at::full({}, x, skip.options().dtype(at::kDouble)); };
    return at::where(skipped, number(otherwise), number(value));
  };
  if (o.weight_decay != 0) {
    auto decay = unless_skipped(1 - o.lr * o.weight_decay, 1);
    for (auto &p : params) p.mul_(decay);
  }
  auto forget = unless_skipped(o.beta2, 1);
  for (size_t i = 0; i < params.size(); i++) {
    grads[i].masked_fill_(skipped, 0);
    v[i].mul_(forget);
  }
  at::_foreach_addcmul_(v, grads, grads, 1 - o.beta2);
  for (size_t i = 0; i < params.size(); i++) at::where_out(grads[i], skipped, m[i], grads[i]);
  at::_foreach_lerp_(m, grads, 1 - o.beta1);

  std::vector<Tensor> t; // counted as if the step were not skipped, so that no correction is 0
  for (auto &s : steps) t.push_back(s.to(at::kDouble).add(skip));
  auto root = bias_corrections(o.beta2, t), size = bias_corrections(o.beta1, t);
  at::_foreach_sqrt_(root);
  auto rate = unless_skipped(-o.lr, 0);
  for (auto &s : size) s = rate.div(s);
  auto denominator = at::_foreach_sqrt(v);
  at::_foreach_div_(denominator, root);
  at::_foreach_add_(denominator, o.eps);
  auto change = at::_foreach_mul(m, size);
  at::_foreach_div_(change, denominator);
  at::_foreach_add_(params, change);
}

} // namespace

extern "C" {

int shim_zero_grads(void **params, int64_t n) {
  return guard([&] {
    for (int64_t i = 0; i < n; i++) ref(params[i]).mutable_grad() = Tensor();
  });
}

// The L2 norm over all gradients, summed in float64.
void *shim_grad_norm(void **params, int64_t n) {
  return make([&] {
    at::NoGradGuard no_grad;
    std::vector<Tensor> norms;
    for (auto &g : gradients(params, n)) norms.push_back(at::linalg_vector_norm(g, 2, std::nullopt, false, at::kDouble));
    if (!norms.empty()) return at::linalg_vector_norm(at::stack(norms));
    return at::zeros({}, n > 0 ? ref(params[0]).options().dtype(at::kDouble).requires_grad(false) : at::TensorOptions(at::kDouble));
  });
}

// Scales all gradients by max_norm / (norm + 1e-6) if that is below 1. On the CPU,
// where reading the factor does not wait for a device, a factor of 1 skips the pass.
int shim_clip_grads(void **params, int64_t n, void *norm, double max_norm) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto grads = gradients(params, n);
    if (grads.empty()) return;
    auto scale = at::full_like(ref(norm), max_norm).div_(ref(norm).add(1e-6)).clamp_max_(1);
    if (scale.is_cpu() && scale.item<double>() == 1) return;
    at::_foreach_mul_(grads, scale.to(grads[0].scalar_type()));
  });
}

// The scalars stacked into one float64 tensor, detached from their graph.
void *shim_scalars(void **scalars, int64_t n) {
  return make([&] {
    at::NoGradGuard no_grad;
    std::vector<Tensor> all;
    for (int64_t i = 0; i < n; i++) all.push_back(ref(scalars[i]).to(at::kDouble));
    return at::stack(all);
  });
}

// skip is a float32 scalar tensor: if it is 1, no parameter and no state changes.
int shim_adamw(void **params, void **exp_avg, void **exp_avg_sq, void **steps, int64_t n, void *skip,
               shim_adamw_options o) {
  return guard([&] {
    at::NoGradGuard no_grad;
    std::vector<Tensor> p, g, m, v, s;
    for (int64_t i = 0; i < n; i++) {
      if (!ref(params[i]).grad().defined()) continue;
      p.push_back(ref(params[i]));
      g.push_back(ref(params[i]).grad());
      m.push_back(ref(exp_avg[i]));
      v.push_back(ref(exp_avg_sq[i]));
      s.push_back(ref(steps[i]));
    }
    if (p.empty()) return;
    at::_foreach_add_(s, 1 - ref(skip));
    if (!o.fused) return adamw_foreach(p, g, m, v, s, ref(skip), o);
    at::_fused_adamw_(p, g, m, v, {}, s, o.lr, o.beta1, o.beta2, o.weight_decay, o.eps, false, false, std::nullopt, ref(skip));
  });
}

} // extern "C"
