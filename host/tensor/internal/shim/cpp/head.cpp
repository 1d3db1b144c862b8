// Log-probabilities of given tokens, and the divergence of two models at given
// positions, without the [tokens, vocab] matrix.
#include "handles.h"

namespace {

// The logits of some rows of hidden states, in the type real; bounded to
// (-softcap, softcap) if softcap is positive.
Tensor head_logits(const Tensor &hidden, const Tensor &weight, double softcap, at::ScalarType real) {
  auto logits = at::mm(hidden, weight.t()).to(real);
  return softcap > 0 ? logits.div_(softcap).tanh_().mul_(softcap) : logits;
}

// A number a row, or with means two rows of them: the log-probabilities of the
// targets, and the means of those of the whole vocabulary.
struct TokenLogps : torch::autograd::Function<TokenLogps> {
  static Tensor forward(AutogradContext *ctx, Tensor hidden, Tensor weight, Tensor target, bool means, int64_t chunk,
                        double softcap) {
    int64_t n = hidden.size(0);
    auto real = at_least_float(hidden);
    auto options = hidden.options().dtype(real);
    auto out = means ? at::empty({2, n}, options) : at::empty({n}, options);
    auto logps = means ? out[0] : out;
    auto lse = at::empty_like(logps);
    for (int64_t a = 0; a < n; a += chunk) {
      int64_t b = std::min(a + chunk, n);
      auto logits = head_logits(hidden.slice(0, a, b), weight, softcap, real);
      auto norm = logits.logsumexp(1);
      lse.slice(0, a, b).copy_(norm);
      logps.slice(0, a, b).copy_(logits.gather(1, target.slice(0, a, b).unsqueeze(1)).squeeze(1).sub_(norm));
      if (means) out[1].slice(0, a, b).copy_(logits.mean(1).sub_(norm));
    }
    ctx->save_for_backward({hidden, weight, target, lse});
    ctx->saved_data["means"] = means;
    ctx->saved_data["chunk"] = chunk;
    ctx->saved_data["softcap"] = softcap;
    return out;
  }

  // d logp_t / d logits = onehot(target) - softmax, and d mean / d logits = 1/vocab -
  // softmax, times 1 - (logits/softcap)² for the logits before the cap. Each chunk of
  // logits is recomputed rather than kept.
  static variable_list backward(AutogradContext *ctx, variable_list grad) {
    auto saved = ctx->get_saved_variables();
    const Tensor &hidden = saved[0], &weight = saved[1], &target = saved[2], &lse = saved[3];
    int64_t n = hidden.size(0), chunk = ctx->saved_data["chunk"].toInt();
    double softcap = ctx->saved_data["softcap"].toDouble();
    bool means = ctx->saved_data["means"].toBool();
    bool want_hidden = ctx->needs_input_grad(0), want_weight = ctx->needs_input_grad(1);
    auto g = (means ? grad[0][0] : grad[0]).unsqueeze(1);
    auto gmean = means ? grad[0][1].unsqueeze(1) : Tensor();
    auto gboth = means ? g.add(gmean) : g;
    auto dhidden = want_hidden ? at::empty_like(hidden) : Tensor();
    auto dweight = want_weight ? at::zeros_like(weight) : Tensor();
    for (int64_t a = 0; a < n; a += chunk) {
      int64_t b = std::min(a + chunk, n);
      auto h = hidden.slice(0, a, b), gc = g.slice(0, a, b);
      auto d = head_logits(h, weight, softcap, lse.scalar_type());
      Tensor slope;
      if (softcap > 0) slope = d.div(softcap).square_().neg_().add_(1);
      d.sub_(lse.slice(0, a, b).unsqueeze(1)).exp_().mul_(gboth.slice(0, a, b).neg());
      if (means) d.add_(gmean.slice(0, a, b), 1.0 / static_cast<double>(weight.size(0)));
      d.scatter_add_(1, target.slice(0, a, b).unsqueeze(1), gc);
      if (softcap > 0) d.mul_(slope);
      d = d.to(hidden.scalar_type());
      if (want_hidden) dhidden.slice(0, a, b).copy_(at::mm(d, weight));
      if (want_weight) dweight.addmm_(d.t(), h);
    }
    return {dhidden, dweight, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

struct TokenKL : torch::autograd::Function<TokenKL> {
  static Tensor forward(AutogradContext *ctx, Tensor hidden, Tensor weight, Tensor ref_hidden, Tensor ref_weight,
                        bool forward, int64_t chunk, double softcap) {
    int64_t n = hidden.size(0);
    auto real = at_least_float(hidden);
    auto kl = at::empty({n}, hidden.options().dtype(real));
    for (int64_t a = 0; a < n; a += chunk) {
      int64_t b = std::min(a + chunk, n);
      auto p = at::log_softmax(head_logits(hidden.slice(0, a, b), weight, softcap, real), 1);
      auto q = at::log_softmax(head_logits(ref_hidden.slice(0, a, b), ref_weight, softcap, real), 1);
      auto gap = forward ? at::mul(q.exp(), q.sub(p)) : at::mul(p.exp(), p.sub(q));
      kl.slice(0, a, b).copy_(gap.sum(1));
    }
    ctx->save_for_backward({hidden, weight, ref_hidden, ref_weight, kl});
    ctx->saved_data["forward"] = forward;
    ctx->saved_data["chunk"] = chunk;
    ctx->saved_data["softcap"] = softcap;
    return kl;
  }

  // d KL(p||q) / d logits of p = p (log p - log q - KL); d KL(q||p) = p - q.
  static variable_list backward(AutogradContext *ctx, variable_list grad) {
    auto saved = ctx->get_saved_variables();
    const Tensor &hidden = saved[0], &weight = saved[1], &kl = saved[4];
    int64_t n = hidden.size(0), chunk = ctx->saved_data["chunk"].toInt();
    bool forward = ctx->saved_data["forward"].toBool();
    double softcap = ctx->saved_data["softcap"].toDouble();
    auto real = kl.scalar_type();
    bool want_hidden = ctx->needs_input_grad(0), want_weight = ctx->needs_input_grad(1);
    auto g = grad[0].unsqueeze(1);
    auto dhidden = want_hidden ? at::empty_like(hidden) : Tensor();
    auto dweight = want_weight ? at::zeros_like(weight) : Tensor();
    for (int64_t a = 0; a < n; a += chunk) {
      int64_t b = std::min(a + chunk, n);
      auto logits = head_logits(hidden.slice(0, a, b), weight, softcap, real);
      auto p = at::log_softmax(logits, 1);
      auto q = at::log_softmax(head_logits(saved[2].slice(0, a, b), saved[3], softcap, real), 1);
      auto d = forward ? p.exp().sub_(q.exp()) : at::mul(p.exp(), p.sub(q).sub_(kl.slice(0, a, b).unsqueeze(1)));
      if (softcap > 0) d.mul_(logits.div_(softcap).square_().neg_().add_(1));
      d = d.mul_(g.slice(0, a, b)).to(hidden.scalar_type());
      if (want_hidden) dhidden.slice(0, a, b).copy_(at::mm(d, weight));
      if (want_weight) dweight.addmm_(d.t(), hidden.slice(0, a, b));
    }
    return {dhidden, dweight, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

} // namespace

extern "C" {

void *shim_token_logps(void *hidden, void *weight, void *target, int means, int64_t chunk, double softcap) {
  return make([&] { return TokenLogps::apply(ref(hidden), ref(weight), ref(target), means != 0, chunk, softcap); });
}

void *shim_token_kl(void *hidden, void *weight, void *ref_hidden, void *ref_weight, int forward, int64_t chunk,
                    double softcap) {
  return make([&] {
    return TokenKL::apply(ref(hidden), ref(weight), ref(ref_hidden), ref(ref_weight), forward != 0, chunk, softcap);
  });
}

} // extern "C"
