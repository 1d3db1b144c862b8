#include "../shim.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/_fused_adamw.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <malloc.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/version.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

thread_local std::string last_error;
thread_local bool failed = false;

int fail(const char *what) {
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

template <typename F> void *make(F f) {
  void *out = nullptr;
  guard([&] { out = new Tensor(f()); });
  return out;
}

Tensor &ref(void *t) { return *static_cast<Tensor *>(t); }

std::vector<Tensor> gather(void **ts, int64_t n) {
  std::vector<Tensor> out;
  out.reserve(n);
  for (int64_t i = 0; i < n; i++) out.push_back(ref(ts[i]));
  return out;
}

// The gradients that exist among params.
std::vector<Tensor> gradients(void **params, int64_t n) {
  std::vector<Tensor> out;
  for (int64_t i = 0; i < n; i++) {
    if (ref(params[i]).grad().defined()) out.push_back(ref(params[i]).grad());
  }
  return out;
}

// --- attention over packed segments

// Which keys each query may see, as an additive mask [len, prefix+len].
Tensor band_mask(int64_t len, int64_t prefix, int64_t window, const Tensor &like) {
  auto rows = at::arange(prefix, prefix + len, like.options().dtype(at::kLong)).unsqueeze(1);
  auto cols = at::arange(prefix + len, like.options().dtype(at::kLong)).unsqueeze(0);
  auto hidden = cols.gt(rows);
  if (window > 0) hidden = hidden.logical_or(cols.le(rows - window));
  return at::zeros({len, prefix + len}, like.options())
      .masked_fill_(hidden, -std::numeric_limits<double>::infinity());
}

// [len, heads, dim] -> [1, heads, len, dim], as attention kernels want it.
Tensor heads_first(const Tensor &x) { return x.transpose(0, 1).unsqueeze(0); }

// Repeats key/value heads so that each query head has its own.
Tensor repeat_heads(const Tensor &x, int64_t heads) {
  int64_t have = x.size(1);
  if (have == heads) return x;
  return x.unsqueeze(2).expand({x.size(0), have, heads / have, x.size(2)}).reshape({x.size(0), heads, x.size(2)});
}

struct Masks {
  int64_t window;
  std::map<std::pair<int64_t, int64_t>, Tensor> made;
  const Tensor &get(int64_t len, int64_t prefix, const Tensor &like) {
    auto &m = made[{len, prefix}];
    if (!m.defined()) m = band_mask(len, prefix, window, like);
    return m;
  }
};

// Attention of one segment, by the fused kernels where they do it.
// q [1, heads, len, dim], k and v [1, heads, keys, dim]; mask is additive [len, keys], or none.
Tensor attend(const Tensor &q, const Tensor &k, const Tensor &v, const std::optional<Tensor> &mask, bool causal,
              const shim_attention_options &o) {
  if (o.softcap <= 0) return at::scaled_dot_product_attention(q, k, v, mask, o.dropout, causal, o.scale);
  auto real = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  auto scores = at::matmul(q, k.transpose(-2, -1)).to(real).mul_(o.scale / o.softcap).tanh().mul(o.softcap);
  if (mask) scores = scores + *mask;
  auto weights = scores.softmax(-1).to(q.scalar_type());
  return at::matmul(at::dropout(weights, o.dropout, o.dropout > 0), v);
}

Tensor attention(const Tensor &q, const Tensor &k, const Tensor &v, const shim_segment *seg, int64_t n,
                 const shim_attention_options &o) {
  TORCH_CHECK(!o.bidirectional || o.window <= 0, "attention in both directions has no window, asked for ", o.window);
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i < n; i++) sizes.push_back(seg[i].len);
  auto qs = q.split_with_sizes(sizes), ks = repeat_heads(k, q.size(1)).split_with_sizes(sizes),
       vs = repeat_heads(v, q.size(1)).split_with_sizes(sizes);
  Masks masks{o.window, {}};
  std::vector<Tensor> out;
  out.reserve(n);
  for (int64_t i = 0; i < n; i++) {
    bool own = seg[i].prefix < 0;
    TORCH_CHECK(own || !o.bidirectional, "rows share a prefix, whose states depend on what follows in both directions");
    int64_t before = own ? 0 : sizes[seg[i].prefix];
    Tensor kk = own ? ks[i] : at::cat({ks[seg[i].prefix], ks[i]});
    Tensor vv = own ? vs[i] : at::cat({vs[seg[i].prefix], vs[i]});
    // The kernels know a plain triangle by themselves; a window, a prefix and a cap want it written out.
    bool causal = !o.bidirectional && own && (o.window <= 0 || sizes[i] <= o.window) && o.softcap <= 0;
    std::optional<Tensor> mask;
    if (!causal && !o.bidirectional) mask = masks.get(sizes[i], before, q);
    auto y = attend(heads_first(qs[i]), heads_first(kk), heads_first(vv), mask, causal, o);
    out.push_back(y.squeeze(0).transpose(0, 1));
  }
  return at::cat(out);
}

// --- root mean square norm: y = x r w with r = 1/sqrt(mean(x²) + eps)

struct RMSNorm : torch::autograd::Function<RMSNorm> {
  static Tensor forward(AutogradContext *ctx, Tensor x, Tensor weight, double eps) {
    auto real = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
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

// --- rotary positions: pairs (x1, x2) of two halves turn by an angle

// Writes the turned x: (x1 cos - x2 s, x2 cos + x1 s, rest), where x1 and x2
// have cos's width each and the rest of the channels stays.
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

// --- log-probabilities of given tokens, without the [tokens, vocab] matrix

// The logits of some rows of hidden states, in the type real; bounded to
// (-softcap, softcap) where that is positive.
Tensor head_logits(const Tensor &hidden, const Tensor &weight, double softcap, at::ScalarType real) {
  auto logits = at::mm(hidden, weight.t()).to(real);
  return softcap > 0 ? logits.div_(softcap).tanh_().mul_(softcap) : logits;
}

struct TokenLogps : torch::autograd::Function<TokenLogps> {
  static Tensor forward(AutogradContext *ctx, Tensor hidden, Tensor weight, Tensor target, int64_t chunk, double softcap) {
    int64_t n = hidden.size(0);
    auto real = hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    auto logps = at::empty({n}, hidden.options().dtype(real));
    auto lse = at::empty_like(logps);
    for (int64_t a = 0; a < n; a += chunk) {
      int64_t b = std::min(a + chunk, n);
      auto logits = head_logits(hidden.slice(0, a, b), weight, softcap, real);
      auto norm = logits.logsumexp(1);
      lse.slice(0, a, b).copy_(norm);
      logps.slice(0, a, b).copy_(logits.gather(1, target.slice(0, a, b).unsqueeze(1)).squeeze(1).sub_(norm));
    }
    ctx->save_for_backward({hidden, weight, target, lse});
    ctx->saved_data["chunk"] = chunk;
    ctx->saved_data["softcap"] = softcap;
    return logps;
  }

  // d logp_t / d logits = onehot(target) - softmax, and 1 - (logits/softcap)²
  // times that before the cap; each chunk of logits is made again rather than kept.
  static variable_list backward(AutogradContext *ctx, variable_list grad) {
    auto saved = ctx->get_saved_variables();
    const Tensor &hidden = saved[0], &weight = saved[1], &target = saved[2], &lse = saved[3];
    int64_t n = hidden.size(0), chunk = ctx->saved_data["chunk"].toInt();
    double softcap = ctx->saved_data["softcap"].toDouble();
    bool want_hidden = ctx->needs_input_grad(0), want_weight = ctx->needs_input_grad(1);
    auto g = grad[0].unsqueeze(1);
    auto dhidden = want_hidden ? at::empty_like(hidden) : Tensor();
    auto dweight = want_weight ? at::zeros_like(weight) : Tensor();
    for (int64_t a = 0; a < n; a += chunk) {
      int64_t b = std::min(a + chunk, n);
      auto h = hidden.slice(0, a, b), gc = g.slice(0, a, b);
      auto d = head_logits(h, weight, softcap, lse.scalar_type());
      Tensor slope;
      if (softcap > 0) slope = d.div(softcap).square_().neg_().add_(1);
      d.sub_(lse.slice(0, a, b).unsqueeze(1)).exp_().mul_(gc.neg());
      d.scatter_add_(1, target.slice(0, a, b).unsqueeze(1), gc);
      if (softcap > 0) d.mul_(slope);
      d = d.to(hidden.scalar_type());
      if (want_hidden) dhidden.slice(0, a, b).copy_(at::mm(d, weight));
      if (want_weight) dweight.addmm_(d.t(), h);
    }
    return {dhidden, dweight, Tensor(), Tensor(), Tensor()};
  }
};

// --- divergence of two models at given positions, without the [tokens, vocab] matrices

struct TokenKL : torch::autograd::Function<TokenKL> {
  static Tensor forward(AutogradContext *ctx, Tensor hidden, Tensor weight, Tensor ref_hidden, Tensor ref_weight,
                        bool forward, int64_t chunk, double softcap) {
    int64_t n = hidden.size(0);
    auto real = hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
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

// --- NF4: 16 levels at the quantiles of a normal distribution, and a scale a block
// (Dettmers et al. 2023, arXiv:2305.14314, section 3 and appendix E)

const float nf4_levels[16] = {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
                              -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
                              0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
                              0.7229568362236023f, 1.0f};

// How many elements share a scale, as in the paper.
const int64_t nf4_block = 64;

// The bounds between levels: what is nearer to the upper level lies above.
Tensor nf4_bounds(const at::TensorOptions &o) {
  auto levels = at::from_blob(const_cast<float *>(nf4_levels), {16}, at::kFloat);
  return levels.narrow(0, 0, 15).add(levels.narrow(0, 1, 15)).div_(2).to(o.device());
}

// codes [⌈n/2⌉] hold two levels a byte, the first in the upper half; scales are the
// largest absolute value of each block of consecutive elements.
void nf4_quantize(const Tensor &weight, Tensor &codes, Tensor &scales) {
  at::NoGradGuard no_grad;
  auto flat = weight.detach().to(at::kFloat).reshape({-1});
  int64_t n = flat.numel(), blocks = (n + nf4_block - 1) / nf4_block;
  if (blocks * nf4_block != n) flat = at::constant_pad_nd(flat, {0, blocks * nf4_block - n});
  flat = flat.view({blocks, nf4_block});
  scales = flat.abs().amax(1);
  auto share = flat.div(scales.clamp_min(std::numeric_limits<float>::min()).unsqueeze(1));
  auto level = at::bucketize(share, nf4_bounds(flat.options()), true).to(at::kByte).view({-1, 2});
  codes = level.select(1, 0).mul(16).add_(level.select(1, 1)).narrow(0, 0, (n + 1) / 2).contiguous();
}

// Threads write whole blocks, so that no byte of codes is shared.
void nf4_dequantize_cpu(const Tensor &codes, const Tensor &scales, int64_t n, float *out) {
  auto c = codes.const_data_ptr<uint8_t>();
  auto s = scales.const_data_ptr<float>();
  at::parallel_for(0, scales.numel(), 256, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; b++) {
      float table[16];
      for (int i = 0; i < 16; i++) table[i] = nf4_levels[i] * s[b];
      for (int64_t i = b * nf4_block; i < std::min(n, (b + 1) * nf4_block); i += 2) {
        uint8_t two = c[i / 2];
        out[i] = table[two >> 4];
        if (i + 1 < n) out[i + 1] = table[two & 15];
      }
    }
  });
}

Tensor nf4_dequantize(const Tensor &codes, const Tensor &scales, int64_t rows, int64_t cols, at::ScalarType type) {
  at::NoGradGuard no_grad;
  int64_t n = rows * cols;
  if (codes.is_cpu()) {
    auto out = at::empty({rows, cols}, scales.options());
    nf4_dequantize_cpu(codes, scales, n, out.mutable_data_ptr<float>());
    return out.to(type);
  }
  auto levels = at::from_blob(const_cast<float *>(nf4_levels), {16}, at::kFloat).to(codes.device());
  auto level = at::stack({codes.div(16, "floor"), codes.remainder(16)}, 1).view({-1}).narrow(0, 0, n).to(at::kInt);
  auto values = levels.index_select(0, level);
  return values.mul_(scales.repeat_interleave(nf4_block).narrow(0, 0, n)).view({rows, cols}).to(type);
}

// x Wᵀ + b, where W is kept in four bits and made anew for the gradient.
struct NF4Linear : torch::autograd::Function<NF4Linear> {
  static Tensor forward(AutogradContext *ctx, Tensor x, Tensor codes, Tensor scales, std::optional<Tensor> bias, int64_t rows,
                        int64_t cols) {
    ctx->save_for_backward({codes, scales});
    ctx->saved_data["rows"] = rows;
    ctx->saved_data["cols"] = cols;
    return at::linear(x, nf4_dequantize(codes, scales, rows, cols, x.scalar_type()), bias);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grad) {
    auto saved = ctx->get_saved_variables();
    auto weight = nf4_dequantize(saved[0], saved[1], ctx->saved_data["rows"].toInt(), ctx->saved_data["cols"].toInt(), grad[0].scalar_type());
    return {at::matmul(grad[0], weight), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

// --- AdamW (Loshchilov and Hutter 2019, algorithm 2), the formulas of torch.optim.AdamW

// 1 - beta^t for each t, all on the device.
std::vector<Tensor> bias_corrections(double beta, const std::vector<Tensor> &t) {
  auto c = at::_foreach_pow(at::Scalar(beta), t);
  at::_foreach_neg_(c);
  at::_foreach_add_(c, 1);
  return c;
}

// Where skip is 1, every factor is 1, every rate is 0, and what stands for the
// gradients leaves the averages as they are: nothing changes but the gradients.
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

  std::vector<Tensor> t; // as if nothing were skipped, so that no correction is 0
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

// Every batch has new shapes, so that malloc would map and unmap pages for
// nearly every tensor of a step; kept in the heap they are faulted in once.
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
      if (n < t.numel()) return; // saved where there were fewer devices
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

// Scales all gradients by max_norm / (norm + 1e-6) where that is below 1.
int shim_clip_grads(void **params, int64_t n, void *norm, double max_norm) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto grads = gradients(params, n);
    if (grads.empty()) return;
    auto scale = at::full_like(ref(norm), max_norm).div_(ref(norm).add(1e-6)).clamp_max_(1);
    at::_foreach_mul_(grads, scale.to(grads[0].scalar_type()));
  });
}

// The scalars side by side, in float64, without their gradients.
void *shim_scalars(void **scalars, int64_t n) {
  return make([&] {
    at::NoGradGuard no_grad;
    std::vector<Tensor> all;
    for (int64_t i = 0; i < n; i++) all.push_back(ref(scalars[i]).to(at::kDouble));
    return at::stack(all);
  });
}

// skip is float32 without axes: where it is 1 no parameter moves, and no state.
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

void *shim_rms_norm(void *x, void *weight, double eps) {
  return make([&] { return RMSNorm::apply(ref(x), ref(weight), eps); });
}

void *shim_rotate(void *x, void *cos, void *sin) {
  return make([&] { return Rotate::apply(ref(x), ref(cos), ref(sin)); });
}

void *shim_attention(void *q, void *k, void *v, const shim_segment *segments, int64_t n,
                     shim_attention_options o) {
  return make([&] { return attention(ref(q), ref(k), ref(v), segments, n, o); });
}

void *shim_token_logps(void *hidden, void *weight, void *target, int64_t chunk, double softcap) {
  return make([&] { return TokenLogps::apply(ref(hidden), ref(weight), ref(target), chunk, softcap); });
}

void *shim_token_kl(void *hidden, void *weight, void *ref_hidden, void *ref_weight, int forward, int64_t chunk,
                    double softcap) {
  return make([&] {
    return TokenKL::apply(ref(hidden), ref(weight), ref(ref_hidden), ref(ref_weight), forward != 0, chunk, softcap);
  });
}

int shim_nf4_quantize(void *weight, void **codes, void **scales) {
  return guard([&] {
    Tensor c, s;
    nf4_quantize(ref(weight), c, s);
    *codes = new Tensor(c);
    *scales = new Tensor(s);
  });
}

void *shim_nf4_dequantize(void *codes, void *scales, int64_t rows, int64_t cols) {
  return make([&] { return nf4_dequantize(ref(codes), ref(scales), rows, cols, at::kFloat); });
}

void *shim_nf4_linear(void *x, void *codes, void *scales, void *bias, int64_t rows, int64_t cols) {
  std::optional<Tensor> b;
  if (bias && ref(bias).defined()) b = ref(bias);
  return make([&] { return NF4Linear::apply(ref(x), ref(codes), ref(scales), b, rows, cols); });
}

} // extern "C"
