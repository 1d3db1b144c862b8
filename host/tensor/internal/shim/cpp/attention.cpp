// Attention over packed segments.
#include "handles.h"

#include <map>

namespace {

// Which keys each query may see, as an additive mask [len, prefix+len].
Tensor band_mask(int64_t len, int64_t prefix, int64_t window, const Tensor &like) {
  auto rows = at::arange(prefix, prefix + len, like.options().dtype(at::kLong)).unsqueeze(1);
  auto cols = at::arange(prefix + len, like.options().dtype(at::kLong)).unsqueeze(0);
  auto hidden = cols.gt(rows);
  if (window > 0) hidden = hidden.logical_or(cols.le(rows - window));
  return at::zeros({len, prefix + len}, like.options())
      .masked_fill_(hidden, -std::numeric_limits<double>::infinity());
}

// [len, heads, dim] -> [1, heads, len, dim], the layout that attention kernels expect.
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

// Attention of one segment, using the fused kernels where they support it.
// q [1, heads, len, dim], k and v [1, heads, keys, dim]; mask is additive [len, keys], or none.
Tensor attend(const Tensor &q, const Tensor &k, const Tensor &v, const std::optional<Tensor> &mask, bool causal,
              const shim_attention_options &o) {
  if (o.softcap <= 0) return at::scaled_dot_product_attention(q, k, v, mask, o.dropout, causal, o.scale);
  auto real = at_least_float(q);
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
    TORCH_CHECK(own || !o.bidirectional, "sequences share a prefix, whose states depend on what follows in both directions");
    int64_t before = own ? 0 : sizes[seg[i].prefix];
    Tensor kk = own ? ks[i] : at::cat({ks[seg[i].prefix], ks[i]});
    Tensor vv = own ? vs[i] : at::cat({vs[seg[i].prefix], vs[i]});
    // The kernels build a plain causal triangle themselves; a window, a prefix or a cap needs an explicit mask.
    bool causal = !o.bidirectional && own && (o.window <= 0 || sizes[i] <= o.window) && o.softcap <= 0;
    std::optional<Tensor> mask;
    if (!causal && !o.bidirectional) mask = masks.get(sizes[i], before, q);
    auto y = attend(heads_first(qs[i]), heads_first(kk), heads_first(vv), mask, causal, o);
    out.push_back(y.squeeze(0).transpose(0, 1));
  }
  return at::cat(out);
}

} // namespace

extern "C" {

void *shim_attention(void *q, void *k, void *v, const shim_segment *segments, int64_t n,
                     shim_attention_options o) {
  return make([&] { return attention(ref(q), ref(k), ref(v), segments, n, o); });
}

} // extern "C"
