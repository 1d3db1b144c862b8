//! The operations on tensors, named as in PyTorch. Negative axes count from the
//! last. Shapes broadcast, with dimensions equal by name or 1. Types never
//! change silently: use to_f32 and its like.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

use crate::graph::Tensor;
use crate::json;

/// The right-hand side of an operation that takes a tensor or a number.
#[derive(Clone, Copy)]
pub enum Operand<'g> {
    Tensor(Tensor<'g>),
    Number(f64),
}

impl<'g> From<Tensor<'g>> for Operand<'g> {
    fn from(t: Tensor<'g>) -> Self {
        Operand::Tensor(t)
    }
}

impl From<f64> for Operand<'_> {
    fn from(v: f64) -> Self {
        Operand::Number(v)
    }
}

impl From<i32> for Operand<'_> {
    fn from(v: i32) -> Self {
        Operand::Number(v.into())
    }
}

/// Every axis, for sum and its like.
pub const ALL: [i64; 0] = [];

/// The axes that a reduction runs over: -1, [1, 2], or ALL.
pub trait Axes {
    fn axes(&self) -> &[i64];
}

impl Axes for i64 {
    fn axes(&self) -> &[i64] {
        std::slice::from_ref(self)
    }
}

impl<const N: usize> Axes for [i64; N] {
    fn axes(&self) -> &[i64] {
        self
    }
}

fn value(v: f64) -> String {
    format!("\"value\":{}", json::number(v))
}

fn dim(axis: i64) -> String {
    format!("\"dim\":{axis}")
}

/// Methods without an attribute, on one tensor.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident $op:literal;)*) => {
        impl<'g> Tensor<'g> { $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(self) -> Tensor<'g> { self.graph.record($op, &[self], String::new()) }
        )* }
    };
}

/// Methods on two tensors.
macro_rules! pair {
    ($($(#[$doc:meta])* $name:ident $op:literal;)*) => {
        impl<'g> Tensor<'g> { $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(self, other: Tensor<'g>) -> Tensor<'g> { self.graph.record($op, &[self, other], String::new()) }
        )* }
    };
}

/// Methods that compare with a tensor or a number, and pow.
macro_rules! either {
    ($($(#[$doc:meta])* $name:ident $op:literal $scalar:literal;)*) => {
        impl<'g> Tensor<'g> { $(
            $(#[$doc])*
            #[track_caller]
            #[allow(clippy::should_implement_trait)]
            pub fn $name(self, other: impl Into<Operand<'g>>) -> Tensor<'g> {
                match other.into() {
                    Operand::Tensor(t) => self.graph.record($op, &[self, t], String::new()),
                    Operand::Number(v) => self.graph.record($scalar, &[self], value(v)),
                }
            }
        )* }
    };
}

/// Methods with one axis, or several.
macro_rules! along {
    ($($(#[$doc:meta])* $name:ident $op:literal;)*) => {
        impl<'g> Tensor<'g> { $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(self, axis: i64) -> Tensor<'g> { self.graph.record($op, &[self], dim(axis)) }
        )* }
    };
}

macro_rules! reduce {
    ($($(#[$doc:meta])* $name:ident $op:literal;)*) => {
        impl<'g> Tensor<'g> { $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(self, axes: impl Axes) -> Tensor<'g> { self.reduce($op, axes.axes()) }
        )* }
    };
}

plain! {
    /// |x|
    abs "abs";
    /// e to the power x
    exp "exp";
    /// natural logarithm
    log "log";
    /// exp(x) − 1, exact for small |x|
    expm1 "expm1";
    /// log(1 + x), exact for small |x|
    log1p "log1p";
    /// square root
    sqrt "sqrt";
    /// x · x
    square "square";
    /// max(0, x)
    relu "relu";
    /// 1 / (1 + exp(−x))
    sigmoid "sigmoid";
    /// log(sigmoid(x)), exact for large |x|
    logsigmoid "logsigmoid";
    /// x as a constant: no gradient flows through it
    detach "detach";
    /// zeros of the shape and type of x
    zeros_like "zeros_like";
    /// ones of the shape and type of x
    ones_like "ones_like";
}

pair! {
    /// the smaller of both, element by element
    minimum "minimum";
    /// the larger of both, element by element
    maximum "maximum";
    /// Σx / Σcount over the whole optimizer step, however it is cut into batches, f32 []:
    /// a constant for the gradient, 0 where the count is 0. Both are scalars, and neither
    /// is made of another such mean.
    global_mean "global_mean";
}

either! {
    /// x to a power
    pow "pow" "pow_scalar";
    /// x = other, as bool
    eq "eq" "eq_scalar";
    /// x ≠ other, as bool
    ne "ne" "ne_scalar";
    /// x < other, as bool
    lt "lt" "lt_scalar";
    /// x ≤ other, as bool
    le "le" "le_scalar";
    /// x > other, as bool
    gt "gt" "gt_scalar";
    /// x ≥ other, as bool
    ge "ge" "ge_scalar";
}

along! {
    /// index of the largest element along an axis, the first of equals, i64
    argmax "argmax";
    /// index of the smallest element along an axis, the first of equals, i64
    argmin "argmin";
    /// log of the sum of exponentials along an axis
    logsumexp "logsumexp";
    /// running sum along an axis; of bool it counts the trues
    cumsum "cumsum";
    /// a new axis of length 1
    unsqueeze "unsqueeze";
    /// without an axis, whose length is 1
    squeeze "squeeze";
}

reduce! {
    /// sum; of bool it counts the trues, as f32
    sum "sum";
    /// arithmetic mean
    mean "mean";
    /// largest element
    amax "amax";
    /// smallest element
    amin "amin";
    /// true where any element is
    any "any";
    /// true where every element is
    all "all";
}

impl<'g> Tensor<'g> {
    /// max(x, v)
    #[track_caller]
    pub fn clamp_min(self, v: impl Into<f64>) -> Tensor<'g> {
        self.graph.record("clamp_min", &[self], value(v.into()))
    }

    /// min(x, v)
    #[track_caller]
    pub fn clamp_max(self, v: impl Into<f64>) -> Tensor<'g> {
        self.graph.record("clamp_max", &[self], value(v.into()))
    }

    /// x where condition holds, else other, a tensor or a number.
    #[track_caller]
    pub fn where_(self, condition: Tensor<'g>, other: impl Into<Operand<'g>>) -> Tensor<'g> {
        match other.into() {
            Operand::Tensor(t) => self.graph.record("where", &[condition, self, t], String::new()),
            Operand::Number(v) => self.graph.record("where_scalar", &[self, condition], value(v)),
        }
    }

    /// v where mask holds, else x
    #[track_caller]
    pub fn masked_fill(self, mask: Tensor<'g>, v: impl Into<f64>) -> Tensor<'g> {
        self.graph.record("masked_fill", &[self, mask], value(v.into()))
    }

    /// Picks elements along an axis by index, i64 with the axes of x.
    #[track_caller]
    pub fn gather(self, axis: i64, index: Tensor<'g>) -> Tensor<'g> {
        self.graph.record("gather", &[self, index], dim(axis))
    }

    /// Picks the entries index, i64 of one axis, of an axis.
    #[track_caller]
    pub fn index_select(self, axis: i64, index: Tensor<'g>) -> Tensor<'g> {
        self.graph.record("index_select", &[self, index], dim(axis))
    }

    /// Repeats axes of length 1, and adds leading ones: expand(&["B", "K", "3"]).
    #[track_caller]
    pub fn expand(self, shape: &[&str]) -> Tensor<'g> {
        let mut attrs = String::from("\"shape\":");
        json::list(&mut attrs, shape.iter().map(|d| json::quoted(d)));
        self.graph.record("expand", &[self], attrs)
    }

    /// x as f32
    #[track_caller]
    pub fn to_f32(self) -> Tensor<'g> {
        self.graph.record("to", &[self], "\"dtype\":\"f32\"".into())
    }

    /// x as i64, cut towards 0
    #[track_caller]
    pub fn to_i64(self) -> Tensor<'g> {
        self.graph.record("to", &[self], "\"dtype\":\"i64\"".into())
    }

    /// x as bool: anything but 0 is true
    #[track_caller]
    pub fn to_bool(self) -> Tensor<'g> {
        self.graph.record("to", &[self], "\"dtype\":\"bool\"".into())
    }

    /// Adds up the entries that segment, i64 [M], gives the same number: f32 [segments, …].
    #[track_caller]
    pub fn segment_sum(self, segment: Tensor<'g>, segments: &str) -> Tensor<'g> {
        self.graph.record("segment_sum", &[self, segment], into(segments))
    }

    /// The largest entry of each segment, element by element.
    #[track_caller]
    pub fn segment_max(self, segment: Tensor<'g>, segments: &str) -> Tensor<'g> {
        self.graph.record("segment_max", &[self, segment], into(segments))
    }

    /// How many entries of x, i64 [M], name each segment: f32 [segments].
    #[track_caller]
    pub fn segment_count(self, segments: &str) -> Tensor<'g> {
        self.graph.record("segment_count", &[self], into(segments))
    }

    /// Reduces the axes from the last to the first, so that those to come keep
    /// their numbers. Several axes count all from the front or all from the back.
    #[track_caller]
    fn reduce(self, op: &'static str, axes: &[i64]) -> Tensor<'g> {
        if axes.is_empty() {
            return self.graph.record(op, &[self], String::new());
        }
        let front = axes.iter().filter(|axis| **axis >= 0).count();
        assert!(front == 0 || front == axes.len(), "{op}: axes {axes:?} count from both ends; want one");
        let mut order = axes.to_vec();
        order.sort_by(|a, b| b.cmp(a));
        let mut t = self;
        for (done, axis) in order.iter().enumerate() {
            let axis = if front == 0 { axis + done as i64 } else { *axis };
            t = self.graph.record(op, &[t], dim(axis));
        }
        t
    }
}

fn into(segments: &str) -> String {
    format!("\"segments\":{}", json::quoted(segments))
}

macro_rules! operator {
    ($($trait:ident $method:ident $op:literal $scalar:literal;)*) => { $(
        impl<'g> $trait for Tensor<'g> {
            type Output = Tensor<'g>;
            #[track_caller]
            fn $method(self, other: Tensor<'g>) -> Tensor<'g> { self.graph.record($op, &[self, other], String::new()) }
        }
        impl<'g> $trait<f64> for Tensor<'g> {
            type Output = Tensor<'g>;
            #[track_caller]
            fn $method(self, v: f64) -> Tensor<'g> { self.graph.record($scalar, &[self], value(v)) }
        }
        impl<'g> $trait<i32> for Tensor<'g> {
            type Output = Tensor<'g>;
            #[track_caller]
            fn $method(self, v: i32) -> Tensor<'g> { self.graph.record($scalar, &[self], value(v.into())) }
        }
    )* };
}

operator! {
    Add add "add" "add_scalar";
    Sub sub "sub" "sub_scalar";
    Mul mul "mul" "mul_scalar";
    Div div "div" "div_scalar";
}

/// Operators on a number and a tensor: 1 - x.
macro_rules! reversed {
    ($($number:ty)*) => { $(
        impl<'g> Add<Tensor<'g>> for $number {
            type Output = Tensor<'g>;
            #[track_caller]
            fn add(self, t: Tensor<'g>) -> Tensor<'g> { t + self }
        }
        impl<'g> Sub<Tensor<'g>> for $number {
            type Output = Tensor<'g>;
            #[track_caller]
            fn sub(self, t: Tensor<'g>) -> Tensor<'g> { -t + self }
        }
        impl<'g> Mul<Tensor<'g>> for $number {
            type Output = Tensor<'g>;
            #[track_caller]
            fn mul(self, t: Tensor<'g>) -> Tensor<'g> { t * self }
        }
        impl<'g> Div<Tensor<'g>> for $number {
            type Output = Tensor<'g>;
            #[track_caller]
            fn div(self, t: Tensor<'g>) -> Tensor<'g> { t.pow(-1.0) * self }
        }
    )* };
}

reversed! { f64 i32 }

impl<'g> Neg for Tensor<'g> {
    type Output = Tensor<'g>;
    #[track_caller]
    fn neg(self) -> Tensor<'g> {
        self.graph.record("neg", &[self], String::new())
    }
}

impl<'g> Not for Tensor<'g> {
    type Output = Tensor<'g>;
    #[track_caller]
    fn not(self) -> Tensor<'g> {
        self.graph.record("logical_not", &[self], String::new())
    }
}

impl<'g> BitAnd for Tensor<'g> {
    type Output = Tensor<'g>;
    #[track_caller]
    fn bitand(self, other: Tensor<'g>) -> Tensor<'g> {
        self.graph.record("logical_and", &[self, other], String::new())
    }
}

impl<'g> BitOr for Tensor<'g> {
    type Output = Tensor<'g>;
    #[track_caller]
    fn bitor(self, other: Tensor<'g>) -> Tensor<'g> {
        self.graph.record("logical_or", &[self, other], String::new())
    }
}
