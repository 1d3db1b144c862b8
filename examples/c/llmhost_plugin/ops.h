/* The operations, named as in PyTorch. Where y may be a tensor or a number, both
 * will do. Negative axes count from the last. Shapes broadcast, with dimensions
 * equal by name or 1. Types never change silently: use lh_to_f32 and its like. */

#define LH_AT __FILE__, __LINE__
#define LH_EITHER(Y) _Generic((Y), lh_t: lh_op_pair, default: lh_op_scalar)

#define lh_add(x, y) LH_EITHER(y)(LH_AT, "add", "add_scalar", x, y)
#define lh_sub(x, y) LH_EITHER(y)(LH_AT, "sub", "sub_scalar", x, y)
#define lh_mul(x, y) LH_EITHER(y)(LH_AT, "mul", "mul_scalar", x, y)
#define lh_div(x, y) LH_EITHER(y)(LH_AT, "div", "div_scalar", x, y)
#define lh_pow(x, y) LH_EITHER(y)(LH_AT, "pow", "pow_scalar", x, y)
#define lh_minimum(x, y) lh_op_pair(LH_AT, "minimum", 0, x, y)
#define lh_maximum(x, y) lh_op_pair(LH_AT, "maximum", 0, x, y)
#define lh_clamp_min(x, v) lh_op_scalar(LH_AT, 0, "clamp_min", x, v)
#define lh_clamp_max(x, v) lh_op_scalar(LH_AT, 0, "clamp_max", x, v)
#define lh_neg(x) lh_op(LH_AT, "neg", x)
#define lh_abs(x) lh_op(LH_AT, "abs", x)
#define lh_exp(x) lh_op(LH_AT, "exp", x)
#define lh_log(x) lh_op(LH_AT, "log", x)
#define lh_expm1(x) lh_op(LH_AT, "expm1", x) /* exp(x) - 1, exact for small |x| */
#define lh_log1p(x) lh_op(LH_AT, "log1p", x) /* log(1 + x), exact for small |x| */
#define lh_sqrt(x) lh_op(LH_AT, "sqrt", x)
#define lh_square(x) lh_op(LH_AT, "square", x)
#define lh_relu(x) lh_op(LH_AT, "relu", x)
#define lh_sigmoid(x) lh_op(LH_AT, "sigmoid", x)
#define lh_logsigmoid(x) lh_op(LH_AT, "logsigmoid", x)

/* Comparisons give bool. */
#define lh_eq(x, y) LH_EITHER(y)(LH_AT, "eq", "eq_scalar", x, y)
#define lh_ne(x, y) LH_EITHER(y)(LH_AT, "ne", "ne_scalar", x, y)
#define lh_lt(x, y) LH_EITHER(y)(LH_AT, "lt", "lt_scalar", x, y)
#define lh_le(x, y) LH_EITHER(y)(LH_AT, "le", "le_scalar", x, y)
#define lh_gt(x, y) LH_EITHER(y)(LH_AT, "gt", "gt_scalar", x, y)
#define lh_ge(x, y) LH_EITHER(y)(LH_AT, "ge", "ge_scalar", x, y)
#define lh_and(x, y) lh_op_pair(LH_AT, "logical_and", 0, x, y)
#define lh_or(x, y) lh_op_pair(LH_AT, "logical_or", 0, x, y)
#define lh_not(x) lh_op(LH_AT, "logical_not", x)

/* Reductions over one axis, or with _all over every one. lh_sum of bool counts the trues, as f32. */
#define lh_sum(x, dim) lh_op_along(LH_AT, "sum", x, dim)
#define lh_mean(x, dim) lh_op_along(LH_AT, "mean", x, dim)
#define lh_amax(x, dim) lh_op_along(LH_AT, "amax", x, dim)
#define lh_amin(x, dim) lh_op_along(LH_AT, "amin", x, dim)
#define lh_any(x, dim) lh_op_along(LH_AT, "any", x, dim)
#define lh_all(x, dim) lh_op_along(LH_AT, "all", x, dim)
#define lh_sum_all(x) lh_op(LH_AT, "sum", x)
#define lh_mean_all(x) lh_op(LH_AT, "mean", x)
#define lh_amax_all(x) lh_op(LH_AT, "amax", x)
#define lh_amin_all(x) lh_op(LH_AT, "amin", x)
#define lh_any_all(x) lh_op(LH_AT, "any", x)
#define lh_all_all(x) lh_op(LH_AT, "all", x)
#define lh_argmax(x, dim) lh_op_along(LH_AT, "argmax", x, dim)
#define lh_argmin(x, dim) lh_op_along(LH_AT, "argmin", x, dim)
#define lh_logsumexp(x, dim) lh_op_along(LH_AT, "logsumexp", x, dim)
#define lh_cumsum(x, dim) lh_op_along(LH_AT, "cumsum", x, dim)

/* Shape: lh_expand(x, "B,K,3") repeats axes of length 1 and adds leading ones. */
#define lh_unsqueeze(x, dim) lh_op_along(LH_AT, "unsqueeze", x, dim)
#define lh_squeeze(x, dim) lh_op_along(LH_AT, "squeeze", x, dim)
#define lh_expand(x, shape) lh_op_text(LH_AT, "expand", x, LH_PLAIN, 'l', "shape", shape)

/* Choosing. lh_where is x where condition holds, else other, a tensor or a number. */
#define lh_gather(x, dim, index) lh_op_pick(LH_AT, "gather", x, dim, index)
#define lh_index_select(x, dim, index) lh_op_pick(LH_AT, "index_select", x, dim, index)
#define lh_where(x, condition, other) _Generic((other), lh_t: lh_op_where, default: lh_op_where_number)(LH_AT, x, condition, other)
#define lh_masked_fill(x, mask, v) lh_op_fill(LH_AT, "masked_fill", x, mask, v)
#define LH_INF __builtin_inf()

/* Type and gradient. lh_count("B") is the number of prompts, f32 []. */
#define lh_to_f32(x) lh_op_text(LH_AT, "to", x, LH_PLAIN, 's', "dtype", "f32")
#define lh_to_i64(x) lh_op_text(LH_AT, "to", x, LH_PLAIN, 's', "dtype", "i64")
#define lh_to_bool(x) lh_op_text(LH_AT, "to", x, LH_PLAIN, 's', "dtype", "bool")
#define lh_detach(x) lh_op(LH_AT, "detach", x)
#define lh_zeros_like(x) lh_op(LH_AT, "zeros_like", x)
#define lh_ones_like(x) lh_op(LH_AT, "ones_like", x)
#define lh_count(dim) lh_op_count(LH_AT, dim)

/* Sum of sums / sum of counts over the whole optimizer step, both f32 []: a
 * constant to the gradient, 0 where the count is 0. */
#define lh_global_mean(sum, count) lh_op_pair(LH_AT, "global_mean", 0, sum, count)

/* Segments, such as "N": segment, i64 [M], says to which of them each entry belongs. */
#define lh_segment_sum(x, segment, segments) lh_op_text(LH_AT, "segment_sum", x, segment, 's', "segments", segments)
#define lh_segment_max(x, segment, segments) lh_op_text(LH_AT, "segment_max", x, segment, 's', "segments", segments)
#define lh_segment_count(segment, segments) lh_op_text(LH_AT, "segment_count", segment, LH_PLAIN, 's', "segments", segments)

static lh_t lh_op(const char *file, int line, const char *op, lh_t x) {
    return lh_record((lh_node){.op = op, .from = {x.id}, .inputs = 1, .file = file, .line = line});
}

static lh_t lh_op_pair(const char *file, int line, const char *op, const char *scalar, lh_t x, lh_t y) {
    (void)scalar;
    return lh_record((lh_node){.op = op, .from = {x.id, y.id}, .inputs = 2, .file = file, .line = line});
}

static lh_t lh_op_scalar(const char *file, int line, const char *pair, const char *op, lh_t x, double v) {
    (void)pair;
    return lh_record((lh_node){.op = op, .from = {x.id}, .inputs = 1, .attr = 'v', .number = v, .file = file, .line = line});
}

static lh_t lh_op_along(const char *file, int line, const char *op, lh_t x, int axis) {
    return lh_record((lh_node){.op = op, .from = {x.id}, .inputs = 1, .attr = 'd', .axis = axis, .file = file, .line = line});
}

static lh_t lh_op_pick(const char *file, int line, const char *op, lh_t x, int axis, lh_t index) {
    return lh_record((lh_node){.op = op, .from = {x.id, index.id}, .inputs = 2, .attr = 'd', .axis = axis, .file = file, .line = line});
}

static lh_t lh_op_fill(const char *file, int line, const char *op, lh_t x, lh_t mask, double v) {
    return lh_record((lh_node){.op = op, .from = {x.id, mask.id}, .inputs = 2, .attr = 'v', .number = v, .file = file, .line = line});
}

static lh_t lh_op_where(const char *file, int line, lh_t x, lh_t condition, lh_t other) {
    return lh_record((lh_node){.op = "where", .from = {condition.id, x.id, other.id}, .inputs = 3, .file = file, .line = line});
}

static lh_t lh_op_where_number(const char *file, int line, lh_t x, lh_t condition, double other) {
    return lh_op_fill(file, line, "where_scalar", x, condition, other);
}

/* y may be LH_PLAIN: then there is one input. */
static lh_t lh_op_text(const char *file, int line, const char *op, lh_t x, lh_t y, char attr, const char *key, const char *text) {
    return lh_record((lh_node){.op = op, .from = {x.id, y.id}, .inputs = y.id ? 2 : 1, .attr = attr, .key = key, .text = text, .file = file, .line = line});
}

static lh_t lh_op_count(const char *file, int line, const char *dim) {
    return lh_record((lh_node){.op = "dim_size", .attr = 's', .key = "dim", .text = dim, .file = file, .line = line});
}
