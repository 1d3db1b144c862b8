// NF4: 16 levels at the quantiles of a normal distribution, and one scale per block
// (Dettmers et al. 2023, arXiv:2305.14314, section 3 and appendix E).
#include "handles.h"

#include <ATen/Parallel.h>

namespace {

const float nf4_levels[16] = {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
                              -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
                              0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
                              0.7229568362236023f, 1.0f};

// How many elements share a scale, as in the paper.
const int64_t nf4_block = 64;

// The bounds between levels: midpoints, so that each value takes the nearest level.
Tensor nf4_bounds(const at::TensorOptions &o) {
  auto levels = at::from_blob(const_cast<float *>(nf4_levels), {16}, at::kFloat);
  return levels.narrow(0, 0, 15).add(levels.narrow(0, 1, 15)).div_(2).to(o.device());
}

// codes [⌈n/2⌉] hold two levels per byte, the first in the upper half; scales are the
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

// Each thread writes whole blocks, so that no two share a byte of codes.
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

// x Wᵀ + b, where W is kept in four bits and dequantized again for the gradient.
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

} // namespace

extern "C" {

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
