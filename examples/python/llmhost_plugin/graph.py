"""The trace of a loss or pooling: values that record operations and compute nothing."""

import difflib
import math
import os
import sys
import traceback

f32, i64 = "f32", "i64"

# What a program can ask for, with type and shape. A name that ends in a dot, and
# a dimension that ends in _, are completed by the name of a column or head.
INPUTS = {
    "loss": {
        "policy.logps": (f32, ["B", "K", "T"]),
        "ref.logps": (f32, ["B", "K", "T"]),
        "rewards": (f32, ["B", "K"]),
        "kl.reverse": (f32, ["B", "K", "T"]),
        "kl.forward": (f32, ["B", "K", "T"]),
        "policy.vocab_mean_logps": (f32, ["B", "K", "T"]),
        "mismatched.policy.logps": (f32, ["B", "K", "U"]),
        "mismatched.ref.logps": (f32, ["B", "K", "U"]),
        "state.": (f32, []),
        "logits.": (f32, ["B", "C_"]),
        "label_mask": ("bool", ["B", "K", "T"]),
        "label.": (i64, ["B"]),
        "candidate_mask": ("bool", ["B", "K"]),
        "column.": (f32, ["B", "K"]),
        "example_column.": (f32, ["B"]),
    },
    "pooling": {
        "hidden": (f32, ["P", "H"]),
        "token": (i64, ["M"]),
        "sequence": (i64, ["M"]),
        "ids": (i64, ["M"]),
        "eos_token_id": (i64, []),
    },
}

PACKAGE = os.path.dirname(os.path.abspath(__file__))


class TraceError(Exception):
    """A mistake of the author's code, found while it was traced."""


class MissingName(TraceError, AttributeError):
    """A name that a tensor, a graph or a component does not have."""


# What PyTorch calls otherwise, or makes of what is here.
OTHERWISE = {
    "max": "amax", "min": "amin", "clip": "clamp", "clamp_": "clamp", "log_sigmoid": "logsigmoid", "not_equal": "ne", "int": "long",
    "double": "float", "half": "float", "view": "unsqueeze", "reshape": "unsqueeze", "softmax": "logsumexp", "log_softmax": "logsumexp",
    "negative": "neg", "subtract": "sub", "multiply": "mul", "divide": "div", "greater": "gt", "less": "lt",
}


def missing(owner, name, names):
    """What to raise where a name is missing, with the nearest one of those that there are."""
    if name.startswith("__"):  # Python looks for it, and nobody else
        return AttributeError(name)
    near = [n for n in [OTHERWISE.get(name)] if n in names]
    near = near or difflib.get_close_matches(name, names, n=1) or [n for n in names if len(n) > 2 and (name.startswith(n) or n.startswith(name))]
    hint = f"did you mean {near[0]}?" if near else "there are " + ", ".join(names)
    return MissingName(f"{owner} has no {name}; {hint}")


def public(cls):
    return sorted(name for name in dir(cls) if not name.startswith("_"))


def place(path, line):
    """The file with its folder, and the line: the same on every machine."""
    folder, name = os.path.split(path)
    return f"{os.path.basename(folder)}/{name}:{line}"


def author_place():
    """The innermost line outside of this package."""
    frame = sys._getframe(1)
    while frame.f_back and os.path.dirname(os.path.abspath(frame.f_code.co_filename)) == PACKAGE:
        frame = frame.f_back
    return place(frame.f_code.co_filename, frame.f_lineno)


def blame(error):
    """An exception as a sentence, after the author's line that raised it."""
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if os.path.dirname(os.path.abspath(frame.filename)) != PACKAGE:
            where = place(frame.filename, frame.lineno) + ": "
    kind = "" if isinstance(error, TraceError) else type(error).__name__ + ": "
    return f"{where}{kind}{error}"


def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


ROLES = ("score", "weight", "reward", "mask")


def check_role(role, owner):
    if role and role not in ROLES:
        raise TraceError(f"{owner} has the role {role!r}; want one of {', '.join(ROLES)}")


def finite(v, owner):
    if not math.isfinite(v):
        raise TraceError(f"the values of {owner} include {v}; want finite numbers")
    return v


def number(v):
    """A number as a program spells it: infinities are texts."""
    v = float(v)
    if math.isnan(v):
        raise TraceError("a number of the program is NaN")
    return v if math.isfinite(v) else ("inf" if v > 0 else "-inf")


class Graph:
    """Records one trace. Its attributes are the inputs that a program can ask for."""

    def __init__(self, kind):
        self.kind = kind
        self.values = []  # (name of an input, None) or (None, node), in the order in which they were made
        self.places = []  # one a node
        self.uses = {}  # what the loss says of its columns, by the name of the input

    def __getattr__(self, name):
        raise missing("the graph g", name, public(Graph))

    # Inputs of losses. B prompts, K candidates, T label tokens, U tokens of another answer, C_NAME classes. Label tokens T
    # are a row's learned tokens in their order; several learned spans may stand in one row.
    logps = property(lambda g: g.input("policy.logps"), doc="f32 [B, K, T]: log-probability of each label token, 0 where there is no label")
    ref_logps = property(lambda g: g.input("ref.logps"), doc="f32 [B, K, T]: the same under the reference model, without gradient")
    rewards = property(lambda g: g.input("rewards"), doc="f32 [B, K]: the reward of each candidate under the score head, 0 for a padding candidate")
    reverse_kl = property(lambda g: g.input("kl.reverse"), doc="f32 [B, K, T]: KL(policy ‖ reference) at each label token, 0 where there is none")
    forward_kl = property(lambda g: g.input("kl.forward"), doc="f32 [B, K, T]: KL(reference ‖ policy), as reverse_kl is")
    vocab_mean_logps = property(lambda g: g.input("policy.vocab_mean_logps"), doc="f32 [B, K, T]: mean over the vocabulary of the log-probabilities at each label token, 0 where there is none")
    mismatched_logps = property(lambda g: g.input("mismatched.policy.logps"), doc="f32 [B, K, U]: another example's answer after this prompt, 0 where there is no token, without gradient")
    mismatched_ref_logps = property(lambda g: g.input("mismatched.ref.logps"), doc="f32 [B, K, U]: the same under the reference model")
    label_mask = property(lambda g: g.input("label_mask"), doc="bool [B, K, T]: true where there is a label token")
    candidate_mask = property(lambda g: g.input("candidate_mask"), doc="bool [B, K]: false for a padding candidate")

    # Inputs of poolings. P stored tokens, H hidden, M tokens of all sequences, N sequences.
    hidden = property(lambda g: g.input("hidden"), doc="f32 [P, H]: hidden states of every stored token")
    token = property(lambda g: g.input("token"), doc="i64 [M]: each sequence's tokens in order, as indices into hidden")
    sequence = property(lambda g: g.input("sequence"), doc="i64 [M]: the sequence that each entry of token belongs to")
    ids = property(lambda g: g.input("ids"), doc="i64 [M]: token ids of the entries of token")
    eos_token_id = property(lambda g: g.input("eos_token_id"), doc="i64 []: the id of the end token, -1 where there is none")

    def column(self, name, **said):
        """f32 [B, K]: a data column with one number a candidate, 0 for a padding candidate.
        What more may be said of it, once for each column, changes nothing of what is
        computed: role is score, weight, reward or mask; values are examples of what it
        may hold, and range is the least and the most."""
        return self.declared("column." + name, **said)

    def example_column(self, name, **said):
        """f32 [B]: a data column with one number an example; more is said as in column."""
        return self.declared("example_column." + name, **said)

    def declared(self, name, *, role="", values=(), range=None):
        use = self.uses.setdefault(name, {"input": name})
        if role:
            check_role(role, name)
            if use.setdefault("role", role) != role:
                raise TraceError(f"{name} has the role {use['role']} elsewhere in this loss, and {role} here")
        if values:
            use["values"] = [finite(v, name) for v in values]
        if range:
            use["min"], use["max"] = (finite(v, name) for v in range)
        return self.input(name)

    def state(self, name):
        """f32 []: a number that lasts from step to step; a State of the objective says how it changes."""
        return self.input("state." + name)

    def logits(self, head):
        """f32 [B, C_HEAD]: logits of the classes of a classification head."""
        return self.input("logits." + head)

    def label(self, head):
        """i64 [B]: the class of each example under a head, -100 where it has none."""
        return self.input("label." + head)

    def count(self, dim):
        """f32 []: how many there are of a dimension; count("B") is the number of prompts."""
        return self.record("dim_size", [], dim=dim)

    def input(self, name):
        if (name, None) not in self.values:
            self.values.append((name, None))
        return Tensor(self, self.values.index((name, None)))

    def record(self, op, operands, **attrs):
        for x in operands:
            if not isinstance(x, Tensor) or x.graph is not self:
                raise TraceError(f"{op}: an input is no tensor of this trace but {x!r}")
        self.values.append((None, {"op": op, "in": [x.id for x in operands], "attrs": attrs}))
        self.places.append(author_place())
        return Tensor(self, len(self.values) - 1)

    def program(self):
        """The program so far, without its results, and what turns a Tensor into its number in it."""
        inputs = [i for i, (name, _) in enumerate(self.values) if name]
        nodes = [i for i, (name, _) in enumerate(self.values) if not name]
        numbers = {i: n for n, i in enumerate(inputs + nodes)}

        def describe(name):
            key = next((key for key in INPUTS[self.kind] if name == key or key.endswith(".") and name.startswith(key)), None)
            if key is None:
                raise TraceError(f"no input is called {name}; a {self.kind} has {', '.join(INPUTS[self.kind])}")
            dtype, shape = INPUTS[self.kind][key]
            own = name[len(key):] if key.endswith(".") else ""
            return {"name": name, "dtype": dtype, "shape": [d + own if d.endswith("_") else d for d in shape]}

        program = {
            "llmhost_program": 1, "op_level": 1, "kind": self.kind,
            "inputs": [describe(self.values[i][0]) for i in inputs],
            "nodes": [dict(self.values[i][1], **{"in": [numbers[x] for x in self.values[i][1]["in"]]}) for i in nodes],
        }
        return program, lambda x: numbers[self.own(x).id]

    def own(self, x):
        if not isinstance(x, Tensor) or x.graph is not self:
            raise TraceError(f"a result is no tensor of this trace but {x!r}")
        return x


def binary(op):
    return lambda self, other: self.graph.record(op, [self, other])


def unary(op):
    return lambda self: self.graph.record(op, [self])


def either(op):
    """An operation on two tensors, or on a tensor and a number."""
    def method(self, other):
        if is_number(other):
            return self.graph.record(op + "_scalar", [self], value=number(other))
        return self.graph.record(op, [self, other])
    return method


def reduction(op):
    """An operation over one axis, several or all."""
    def method(self, dim=None, keepdim=False):
        if dim is None:
            return self.graph.record(op, [self])
        dims = [dim] if isinstance(dim, int) else list(dim)
        if min(dims) < 0 <= max(dims):
            raise TraceError(f"{op}: axes {dims} are counted from both ends; count them from one")
        # From the last to the first, so that those to come keep their numbers.
        for d in sorted(dims, reverse=dims[0] >= 0):
            attrs = {"dim": d, "keepdim": True} if keepdim else {"dim": d}
            self = self.graph.record(op, [self], **attrs)
        return self
    return method


class Tensor:
    """A value of a trace. Methods and operators are named as in PyTorch. Shapes
    and types are checked by the host, which names the line that a mistake is in."""

    def __init__(self, graph, id):
        self.graph, self.id = graph, id

    def __getattr__(self, name):
        raise missing("a tensor", name, public(Tensor))

    __hash__ = object.__hash__
    __add__ = __radd__ = add = either("add")
    __sub__ = sub = either("sub")
    __mul__ = __rmul__ = mul = either("mul")
    __truediv__ = div = either("div")
    __pow__ = pow = either("pow")
    __eq__ = eq = either("eq")
    __ne__ = ne = either("ne")
    __lt__ = lt = either("lt")
    __le__ = le = either("le")
    __gt__ = gt = either("gt")
    __ge__ = ge = either("ge")
    __and__ = logical_and = binary("logical_and")
    __or__ = logical_or = binary("logical_or")
    __invert__ = logical_not = unary("logical_not")
    __neg__ = neg = unary("neg")
    __abs__ = abs = unary("abs")

    def __rsub__(self, other):
        return -self + other

    def __rtruediv__(self, other):
        return self ** -1 * other

    def __bool__(self):
        raise TraceError("a tensor of a trace is neither true nor false; use where, & and |")

    minimum = binary("minimum")
    maximum = binary("maximum")
    exp, log, sqrt, square = unary("exp"), unary("log"), unary("sqrt"), unary("square")
    expm1, log1p = unary("expm1"), unary("log1p")  # exact for small |x|
    relu, sigmoid, logsigmoid = unary("relu"), unary("sigmoid"), unary("logsigmoid")
    detach = unary("detach")
    sum, mean, amax, amin = reduction("sum"), reduction("mean"), reduction("amax"), reduction("amin")
    any, all = reduction("any"), reduction("all")

    def clamp(self, min=None, max=None):
        if min is not None:
            self = self.graph.record("clamp_min", [self], value=number(min))
        if max is not None:
            self = self.graph.record("clamp_max", [self], value=number(max))
        return self

    def argmax(self, dim, keepdim=False):
        return self._axis("argmax", dim, keepdim)

    def argmin(self, dim, keepdim=False):
        return self._axis("argmin", dim, keepdim)

    def logsumexp(self, dim, keepdim=False):
        return self._axis("logsumexp", dim, keepdim)

    def _axis(self, op, dim, keepdim):
        return self.graph.record(op, [self], **({"dim": dim, "keepdim": True} if keepdim else {"dim": dim}))

    def cumsum(self, dim):
        return self.graph.record("cumsum", [self], dim=dim)

    def unsqueeze(self, dim):
        return self.graph.record("unsqueeze", [self], dim=dim)

    def squeeze(self, dim):
        return self.graph.record("squeeze", [self], dim=dim)

    def expand(self, *shape):
        """Repeats axes of length 1 up to a shape of names and numbers: x.expand("B", "K", 1)."""
        return self.graph.record("expand", [self], shape=[str(d) for d in shape])

    def gather(self, dim, index):
        return self.graph.record("gather", [self, index], dim=dim)

    def index_select(self, dim, index):
        return self.graph.record("index_select", [self, index], dim=dim)

    def where(self, condition, other):
        """self where condition holds, else other, a tensor or a number."""
        if is_number(other):
            return self.graph.record("where_scalar", [self, condition], value=number(other))
        return self.graph.record("where", [condition, self, other])

    def masked_fill(self, mask, value):
        return self.graph.record("masked_fill", [self, mask], value=number(value))

    def to(self, dtype):
        return self.graph.record("to", [self], dtype=dtype)

    def float(self):
        return self.to(f32)

    def long(self):
        return self.to(i64)

    def bool(self):
        return self.to("bool")

    def global_mean(self, count):
        """Σ self / Σ count over the whole optimizer step, both scalars over the batch: a
        constant to the gradient, 0 where the count is 0."""
        return self.graph.record("global_mean", [self, count])

    def segment_sum(self, segment, segments):
        """The sum of the entries that segment gives the same number, [M, …] to [segments, …]."""
        return self.graph.record("segment_sum", [self, segment], segments=segments)

    def segment_max(self, segment, segments):
        return self.graph.record("segment_max", [self, segment], segments=segments)

    def segment_count(self, segments):
        return self.graph.record("segment_count", [self], segments=segments)


def where(condition, a, b):
    """a where condition holds, else b; one of them is a tensor."""
    if is_number(a):
        return b.where(~condition, a)
    return a.where(condition, b)


def maximum(a, b):
    return a.maximum(b)


def minimum(a, b):
    return a.minimum(b)


def zeros_like(x):
    return x.graph.record("zeros_like", [x])


def ones_like(x):
    return x.graph.record("ones_like", [x])


class Term:
    """One part of a loss: coefficient · Σ sum / Σ count over the whole optimizer
    step. sum is a scalar over the batch, never a mean; count depends on data
    alone, and without it the term is a plain sum."""

    def __init__(self, name, sum, count=None, coefficient=1.0):
        self.name, self.sum, self.count, self.coefficient = name, sum, count, coefficient


class Metric:
    """Reported as Σ sum / Σ count over all batches, or as the exponential of that."""

    def __init__(self, name, sum, count=None, exp=False):
        self.name, self.sum, self.count, self.exp = name, sum, count, exp


class State:
    """A number that lasts: g.state(name) reads it. It begins as initial, and after
    each optimizer step it becomes update, a scalar computed of states and of
    global_means alone."""

    def __init__(self, name, initial, update):
        self.name, self.initial, self.update = name, initial, update


class Objective:
    """What a loss yields. allow says what `plugins check` would find fault with
    although it is meant: {"detach": "the weight is a constant by eq. 5"}."""

    def __init__(self, terms, metrics=(), states=(), allow=None):
        self.terms, self.metrics, self.states, self.allow = list(terms), list(metrics), list(states), dict(allow or {})


def trace(part):
    """Traces a loss or pooling; returns what goes to the host."""
    g = Graph(part.kind)
    result = part.trace(g)
    program, numbered = g.program()

    def entry(x, **more):
        e = {"name": x.name, "sum": numbered(x.sum)}
        if x.count is not None:
            e["count"] = numbered(x.count)
        return dict(e, **more)

    if part.kind == "pooling":
        program["output"] = numbered(result)
    else:
        program["terms"] = [entry(t, coefficient=number(t.coefficient)) for t in result.terms]
        program["metrics"] = [entry(m, exp=bool(m.exp)) for m in result.metrics]
        if result.states:
            program["states"] = [{"name": s.name, "initial": number(s.initial), "update": numbered(s.update)} for s in result.states]
    return {"program": program, "locations": g.places, **declarations(g, part, result)}


def declarations(g, part, result):
    """What stands beside the program: it says of it what no run depends on."""
    said = {}
    uses = [use for use in g.uses.values() if len(use) > 1]
    if uses:
        said["columns"] = uses
    allow = part.allow if part.kind == "pooling" else result.allow
    if allow:
        said["allow"] = allow
    if part.kind == "pooling" and part.pools_last_token:
        said["pools_last_token"] = True
    return said
