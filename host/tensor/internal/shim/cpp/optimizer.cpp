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

// AdamW as a few operations over whole lists.
void adamw_foreach(std::vector<Tensor> &params, std::vector<Tensor> &grads, std::vector<Tensor> &m,
                   std::vector<Tensor> &v, std::vector<Tensor> &steps, const shim_adamw_options &o) {
  at::_foreach_add_(steps, 1);
  if (o.weight_decay != 0) at::_foreach_mul_(params, 1 - o.lr * o.weight_decay);
  at::_foreach_lerp_(m, grads, 1 - o.beta1);
  at::_foreach_mul_(v, o.beta2);
  at::_foreach_addcmul_(v, grads, grads, 1 - o.beta2);
  std::vector<at::Scalar> root, size;
  for (auto &s : steps) {
    double t = s.item<double>();
    root.push_back(std::sqrt(1 - std::pow(o.beta2, t)));
    size.push_back(-o.lr / (1 - std::pow(o.beta1, t)));
  }
  auto denominator = at::_foreach_sqrt(v);
  at::_foreach_div_(denominator, root);
  at::_foreach_add_(denominator, o.eps);
  at::_foreach_addcdiv_(params, m, denominator, size);
}

} // namespace

extern "C" {

int shim_zero_grads(void **params, int64_t n) {
  return guard([&] {
    for (int64_t i = 0; i < n; i++) ref(params[i]).mutable_grad() = Tensor();
  });
}

int shim_scale_grads(void **params, int64_t n, double factor) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto grads = gradients(params, n);
    if (!grads.empty()) at::_foreach_mul_(grads, factor);
  });
}

// The L2 norm over all gradients, summed in float64.
int shim_grad_norm(void **params, int64_t n, double *norm) {
  return guard([&] {
    at::NoGradGuard no_grad;
    std::vector<Tensor> norms;
    for (auto &g : gradients(params, n)) norms.push_back(at::linalg_vector_norm(g, 2, std::nullopt, false, at::kDouble));
    *norm = norms.empty() ? 0 : at::linalg_vector_norm(at::stack(norms)).item<double>();
  });
}

int shim_adamw(void **params, void **exp_avg, void **exp_avg_sq, void **steps, int64_t n,
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
    if (!o.fused) return adamw_foreach(p, g, m, v, s, o);
    at::_foreach_add_(s, 1);
    at::_fused_adamw_(p, g, m, v, {}, s, o.lr, o.beta1, o.beta2, o.weight_decay, o.eps, false, false);
  });
}

} // extern "C"
