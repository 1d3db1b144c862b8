package tensor

import (
	"math"

	lib "github.com/sugarme/gotch/libtch"
)

// Operations element by element; the package comment says how shapes broadcast
// and types meet.

// What gotch's wrappers look like: the result's place, then the operands.
type (
	unary    = func(*lib.Ctensor, lib.Ctensor)
	binary   = func(*lib.Ctensor, lib.Ctensor, lib.Ctensor)
	scalarOp = func(*lib.Ctensor, lib.Ctensor, lib.Cscalar)
)

func (t Tensor) unary(op string, f unary) Tensor {
	var out lib.Ctensor
	f(&out, t.c)
	return wrap(op, out, t)
}

func (t Tensor) binary(op string, f binary, u Tensor) Tensor {
	var out lib.Ctensor
	f(&out, t.c, u.c)
	return wrap(op, out, t, u)
}

func (t Tensor) scalar(op string, f scalarOp, value float64) Tensor {
	var out lib.Ctensor
	s := t.number(value)
	f(&out, t.c, s)
	lib.AtsFree(s)
	return wrap(op, out, t)
}

// number is value for an operation on t. An integer stays one beside int64:
// libtorch would turn all of them into floats for one float.
func (t Tensor) number(value float64) lib.Cscalar {
	const exact = 1 << 53 // float64 holds every integer up to it
	if t.DType() == Int64 && value == math.Trunc(value) && math.Abs(value) <= exact {
		return lib.AtsInt(int64(value))
	}
	return lib.AtsFloat(value)
}

// Add returns t + u; of bools, whether either is true.
func (t Tensor) Add(u Tensor) Tensor { return t.binary("add", lib.AtgAdd, u) }

// Sub returns t - u. It panics for bools.
func (t Tensor) Sub(u Tensor) Tensor { return t.binary("sub", lib.AtgSub, u) }

// Mul returns t · u; of bools, whether both are true.
func (t Tensor) Mul(u Tensor) Tensor { return t.binary("mul", lib.AtgMul, u) }

// Div returns t / u; the quotient of two integers is a float32, never rounded.
func (t Tensor) Div(u Tensor) Tensor { return t.binary("div", lib.AtgDiv, u) }

// Pow returns t to the power u. It panics for bools; a negative number to a
// fractional power is NaN.
func (t Tensor) Pow(u Tensor) Tensor { return t.binary("pow", lib.AtgPow, u) }

// Minimum returns the smaller of t and u, NaN where either is.
func (t Tensor) Minimum(u Tensor) Tensor { return t.binary("minimum", lib.AtgMinimum, u) }

// Maximum returns the larger of t and u, NaN where either is.
func (t Tensor) Maximum(u Tensor) Tensor { return t.binary("maximum", lib.AtgMaximum, u) }

// Eq tells, as a bool, where t = u.
func (t Tensor) Eq(u Tensor) Tensor { return t.binary("eq", lib.AtgEqTensor, u) }

// Ne tells, as a bool, where t ≠ u.
func (t Tensor) Ne(u Tensor) Tensor { return t.binary("ne", lib.AtgNeTensor, u) }

// Lt tells, as a bool, where t < u.
func (t Tensor) Lt(u Tensor) Tensor { return t.binary("lt", lib.AtgLtTensor, u) }

// Le tells, as a bool, where t ≤ u.
func (t Tensor) Le(u Tensor) Tensor { return t.binary("le", lib.AtgLeTensor, u) }

// Gt tells, as a bool, where t > u.
func (t Tensor) Gt(u Tensor) Tensor { return t.binary("gt", lib.AtgGtTensor, u) }

// Ge tells, as a bool, where t ≥ u.
func (t Tensor) Ge(u Tensor) Tensor { return t.binary("ge", lib.AtgGeTensor, u) }

// LogicalAnd tells, as a bool, where both t and u are other than 0.
func (t Tensor) LogicalAnd(u Tensor) Tensor { return t.binary("logical_and", lib.AtgLogicalAnd, u) }

// LogicalOr tells, as a bool, where t or u is other than 0.
func (t Tensor) LogicalOr(u Tensor) Tensor { return t.binary("logical_or", lib.AtgLogicalOr, u) }

// AddScalar returns t + v, in t's type where that is a float type, or int64 and v
// an integer; anything else gives float32.
func (t Tensor) AddScalar(v float64) Tensor { return t.scalar("add_scalar", lib.AtgAddScalar, v) }

// SubScalar returns t - v, in the type that AddScalar gives.
func (t Tensor) SubScalar(v float64) Tensor { return t.scalar("sub_scalar", lib.AtgSubScalar, v) }

// MulScalar returns t · v, in the type that AddScalar gives.
func (t Tensor) MulScalar(v float64) Tensor { return t.scalar("mul_scalar", lib.AtgMulScalar, v) }

// DivScalar returns t / v in t's type, float32 for integers.
func (t Tensor) DivScalar(v float64) Tensor { return t.scalar("div_scalar", lib.AtgDivScalar, v) }

// PowScalar returns t to the power v, in the type that AddScalar gives. It
// panics for integers with a negative integer v.
func (t Tensor) PowScalar(v float64) Tensor { return t.scalar("pow_scalar", lib.AtgPowTensorScalar, v) }

// ClampMin returns the larger of t and v, in the type that AddScalar gives. NaN
// stays.
func (t Tensor) ClampMin(v float64) Tensor { return t.scalar("clamp_min", lib.AtgClampMin, v) }

// ClampMax returns the smaller of t and v, in the type that AddScalar gives. NaN
// stays.
func (t Tensor) ClampMax(v float64) Tensor { return t.scalar("clamp_max", lib.AtgClampMax, v) }

// EqScalar tells, as a bool, where t = v.
func (t Tensor) EqScalar(v float64) Tensor { return t.scalar("eq_scalar", lib.AtgEq, v) }

// NeScalar tells, as a bool, where t ≠ v.
func (t Tensor) NeScalar(v float64) Tensor { return t.scalar("ne_scalar", lib.AtgNe, v) }

// LtScalar tells, as a bool, where t < v.
func (t Tensor) LtScalar(v float64) Tensor { return t.scalar("lt_scalar", lib.AtgLt, v) }

// LeScalar tells, as a bool, where t ≤ v.
func (t Tensor) LeScalar(v float64) Tensor { return t.scalar("le_scalar", lib.AtgLe, v) }

// GtScalar tells, as a bool, where t > v.
func (t Tensor) GtScalar(v float64) Tensor { return t.scalar("gt_scalar", lib.AtgGt, v) }

// GeScalar tells, as a bool, where t ≥ v.
func (t Tensor) GeScalar(v float64) Tensor { return t.scalar("ge_scalar", lib.AtgGe, v) }

// Neg returns -t. It panics for bools.
func (t Tensor) Neg() Tensor { return t.unary("neg", lib.AtgNeg) }

// Abs returns |t|. It panics for bools.
func (t Tensor) Abs() Tensor { return t.unary("abs", lib.AtgAbs) }

// Exp returns e to the power t; integers give float32.
func (t Tensor) Exp() Tensor { return t.unary("exp", lib.AtgExp) }

// Log returns the natural logarithm of t: -Inf at 0, NaN below. Integers
// give float32.
func (t Tensor) Log() Tensor { return t.unary("log", lib.AtgLog) }

// Expm1 returns exp(t) - 1, exact also for small t. Integers give float32.
func (t Tensor) Expm1() Tensor { return t.unary("expm1", lib.AtgExpm1) }

// Log1p returns log(1 + t), exact also for small t. Integers give float32.
func (t Tensor) Log1p() Tensor { return t.unary("log1p", lib.AtgLog1p) }

// Sqrt returns the square root of t, NaN below 0. Integers give float32.
func (t Tensor) Sqrt() Tensor { return t.unary("sqrt", lib.AtgSqrt) }

// Square returns t².
func (t Tensor) Square() Tensor { return t.unary("square", lib.AtgSquare) }

// Cos returns the cosine of t, in radians. Integers give float32.
func (t Tensor) Cos() Tensor { return t.unary("cos", lib.AtgCos) }

// Sin returns the sine of t, in radians. Integers give float32.
func (t Tensor) Sin() Tensor { return t.unary("sin", lib.AtgSin) }

// Relu returns max(t, 0). It panics for bools.
func (t Tensor) Relu() Tensor { return t.unary("relu", lib.AtgRelu) }

// Silu returns t σ(t), with σ the logistic function. It panics for
// integers.
func (t Tensor) Silu() Tensor { return t.unary("silu", lib.AtgSilu) }

// Sigmoid returns σ(t) = 1 / (1 + exp(-t)). Integers give float32.
func (t Tensor) Sigmoid() Tensor { return t.unary("sigmoid", lib.AtgSigmoid) }

// LogSigmoid returns log σ(t), exact also where σ(t) is too small for its type.
// It panics for integers.
func (t Tensor) LogSigmoid() Tensor { return t.unary("logsigmoid", lib.AtgLogSigmoid) }

// LogicalNot tells, as a bool, where t = 0.
func (t Tensor) LogicalNot() Tensor { return t.unary("logical_not", lib.AtgLogicalNot) }

// Isfinite tells, as a bool, where t is neither infinite nor NaN.
func (t Tensor) Isfinite() Tensor { return t.unary("isfinite", lib.AtgIsfinite) }

// ZerosLike returns zeros of t's shape, type and device.
func (t Tensor) ZerosLike() Tensor { return t.unary("zeros_like", lib.AtgZerosLike) }

// OnesLike returns ones of t's shape, type and device.
func (t Tensor) OnesLike() Tensor { return t.unary("ones_like", lib.AtgOnesLike) }

// Tanh returns the hyperbolic tangent of t. Integers give float32.
func (t Tensor) Tanh() Tensor { return t.unary("tanh", lib.AtgTanh) }
