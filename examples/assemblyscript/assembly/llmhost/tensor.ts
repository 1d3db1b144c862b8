// The operations on tensors, named as in PyTorch. Negative axes count from the
// last. Shapes broadcast, with dimensions equal by name or 1. Types never change
// silently: use toF32 and its like. Operators take tensors; with a number there is
// a method, such as addScalar.

import { Graph } from "./graph";
import { numeral, quoted, strings } from "./json";

/** Every axis, for sum and its like. */
export const ALL: i32 = i32.MIN_VALUE;

function along(axis: i32): string {
  return axis == ALL ? "" : '"dim":' + axis.toString();
}

function valued(v: f64): string {
  return '"value":' + numeral(v);
}

/** A value of a trace. */
export class Tensor {
  constructor(
    public graph: Graph,
    public id: i32,
  ) {}

  private one(op: string, attrs: string = ""): Tensor {
    return this.graph.record(op, [this], attrs);
  }

  private two(op: string, other: Tensor, attrs: string = ""): Tensor {
    return this.graph.record(op, [this, other], attrs);
  }

  @operator("+") add(other: Tensor): Tensor { return this.two("add", other); }
  @operator("-") sub(other: Tensor): Tensor { return this.two("sub", other); }
  @operator("*") mul(other: Tensor): Tensor { return this.two("mul", other); }
  @operator("/") div(other: Tensor): Tensor { return this.two("div", other); }
  @operator.prefix("-") neg(): Tensor { return this.one("neg"); }
  minimum(other: Tensor): Tensor { return this.two("minimum", other); }
  maximum(other: Tensor): Tensor { return this.two("maximum", other); }
  addScalar(v: f64): Tensor { return this.one("add_scalar", valued(v)); }
  subScalar(v: f64): Tensor { return this.one("sub_scalar", valued(v)); }
  mulScalar(v: f64): Tensor { return this.one("mul_scalar", valued(v)); }
  divScalar(v: f64): Tensor { return this.one("div_scalar", valued(v)); }
  pow(v: f64): Tensor { return this.one("pow_scalar", valued(v)); }
  powTensor(other: Tensor): Tensor { return this.two("pow", other); }
  clampMin(v: f64): Tensor { return this.one("clamp_min", valued(v)); }
  clampMax(v: f64): Tensor { return this.one("clamp_max", valued(v)); }
  abs(): Tensor { return this.one("abs"); }
  exp(): Tensor { return this.one("exp"); }
  log(): Tensor { return this.one("log"); }
  /** exp(x) − 1, exact for small |x| */
  expm1(): Tensor { return this.one("expm1"); }
  /** log(1 + x), exact for small |x| */
  log1p(): Tensor { return this.one("log1p"); }
  sqrt(): Tensor { return this.one("sqrt"); }
  square(): Tensor { return this.one("square"); }
  relu(): Tensor { return this.one("relu"); }
  sigmoid(): Tensor { return this.one("sigmoid"); }
  /** log(sigmoid(x)), exact for large |x| */
  logsigmoid(): Tensor { return this.one("logsigmoid"); }

  // Comparisons give bool.
  @operator("<") lt(other: Tensor): Tensor { return this.two("lt", other); }
  @operator("<=") le(other: Tensor): Tensor { return this.two("le", other); }
  @operator(">") gt(other: Tensor): Tensor { return this.two("gt", other); }
  @operator(">=") ge(other: Tensor): Tensor { return this.two("ge", other); }
  eq(other: Tensor): Tensor { return this.two("eq", other); }
  ne(other: Tensor): Tensor { return this.two("ne", other); }
  eqScalar(v: f64): Tensor { return this.one("eq_scalar", valued(v)); }
  neScalar(v: f64): Tensor { return this.one("ne_scalar", valued(v)); }
  ltScalar(v: f64): Tensor { return this.one("lt_scalar", valued(v)); }
  leScalar(v: f64): Tensor { return this.one("le_scalar", valued(v)); }
  gtScalar(v: f64): Tensor { return this.one("gt_scalar", valued(v)); }
  geScalar(v: f64): Tensor { return this.one("ge_scalar", valued(v)); }
  @operator("&") and(other: Tensor): Tensor { return this.two("logical_and", other); }
  @operator("|") or(other: Tensor): Tensor { return this.two("logical_or", other); }
  @operator.prefix("~") not(): Tensor { return this.one("logical_not"); }

  // Reductions over one axis, or over every one.
  /** sum; of bool it counts the trues, as f32 */
  sum(axis: i32 = ALL): Tensor { return this.one("sum", along(axis)); }
  mean(axis: i32 = ALL): Tensor { return this.one("mean", along(axis)); }
  amax(axis: i32 = ALL): Tensor { return this.one("amax", along(axis)); }
  amin(axis: i32 = ALL): Tensor { return this.one("amin", along(axis)); }
  any(axis: i32 = ALL): Tensor { return this.one("any", along(axis)); }
  all(axis: i32 = ALL): Tensor { return this.one("all", along(axis)); }
  /** index of the largest element, the first of equals, i64 */
  argmax(axis: i32): Tensor { return this.one("argmax", along(axis)); }
  argmin(axis: i32): Tensor { return this.one("argmin", along(axis)); }
  logsumexp(axis: i32): Tensor { return this.one("logsumexp", along(axis)); }
  cumsum(axis: i32): Tensor { return this.one("cumsum", along(axis)); }

  unsqueeze(axis: i32): Tensor { return this.one("unsqueeze", along(axis)); }
  squeeze(axis: i32): Tensor { return this.one("squeeze", along(axis)); }
  /** repeats axes of length 1, and adds leading ones: expand(["B", "K", "3"]) */
  expand(shape: string[]): Tensor { return this.one("expand", '"shape":' + strings(shape)); }

  /** picks elements along an axis by index, i64 with the axes of x */
  gather(axis: i32, index: Tensor): Tensor { return this.two("gather", index, along(axis)); }
  /** picks the entries index, i64 of one axis, of an axis */
  indexSelect(axis: i32, index: Tensor): Tensor { return this.two("index_select", index, along(axis)); }
  /** x where condition holds, else other */
  where(condition: Tensor, other: f64): Tensor { return this.two("where_scalar", condition, valued(other)); }
  whereTensor(condition: Tensor, other: Tensor): Tensor { return this.graph.record("where", [condition, this, other], ""); }
  /** v where mask holds, else x */
  maskedFill(mask: Tensor, v: f64): Tensor { return this.two("masked_fill", mask, valued(v)); }

  toF32(): Tensor { return this.one("to", '"dtype":"f32"'); }
  toI64(): Tensor { return this.one("to", '"dtype":"i64"'); }
  toBool(): Tensor { return this.one("to", '"dtype":"bool"'); }
  /** x as a constant: no gradient flows through it */
  detach(): Tensor { return this.one("detach"); }
  zerosLike(): Tensor { return this.one("zeros_like"); }
  onesLike(): Tensor { return this.one("ones_like"); }

  /** Σx / Σcount over the whole optimizer step, both scalars: a constant for the gradient,
   *  0 where the count is 0 */
  globalMean(count: Tensor): Tensor { return this.two("global_mean", count); }

  // What a loss says of a data column, g.column("score").role(SCORE_ROLE), which
  // changes nothing of what is computed. A check feeds the loss with the values.
  role(role: string): Tensor {
    const use = this.graph.use(this.id);
    assert(use.role == "" || use.role == role, "a column has two roles");
    use.role = role;
    return this;
  }

  values(values: f64[]): Tensor {
    this.graph.use(this.id).values = values;
    return this;
  }

  /** What the column's numbers lie between, both included. */
  range(min: f64, max: f64): Tensor {
    const use = this.graph.use(this.id);
    use.ranged = true;
    use.min = min;
    use.max = max;
    return this;
  }

  // Segments, such as "N": segment, i64 [M], says to which of them each entry belongs.
  segmentSum(segment: Tensor, segments: string): Tensor { return this.two("segment_sum", segment, '"segments":' + quoted(segments)); }
  segmentMax(segment: Tensor, segments: string): Tensor { return this.two("segment_max", segment, '"segments":' + quoted(segments)); }
  segmentCount(segments: string): Tensor { return this.one("segment_count", '"segments":' + quoted(segments)); }
}
