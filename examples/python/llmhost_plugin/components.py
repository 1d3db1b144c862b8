"""What a plugin is made of: losses, poolings and formatters with their parameters, and tasks."""

import math

from .graph import missing, public
from .rows import Column

# The heads of a task.
LM_HEAD = "lm"  # gives log-probabilities of tokens
SCORE_HEAD = "score"  # gives each candidate a reward
CLASS_HEAD = "classes"  # gives each example the logits of classes, by name

TYPES = {float: "float", int: "int", bool: "bool", str: "string"}


class Param:
    """A parameter of a component: an attribute of its class, whose value the
    user chooses. The default says of which type it is: float, int, bool or str."""

    def __init__(self, default, *, min=None, max=None, choices=None, values=None, aliases=None, doc=""):
        self.default, self.min, self.max, self.choices, self.values, self.doc = default, min, max, choices, values, doc
        self.aliases = aliases
        self.type = TYPES[type(default)]

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, part, owner):
        return self if part is None else part.__dict__.get(self.name, self.default)

    def describe(self):
        d = {"name": self.name, "type": self.type, "default": self.default, "doc": self.doc}
        bounds = {"min": self.min, "max": self.max, "choices": self.choices, "values": self.values, "aliases": self.aliases}
        return dict(d, **{key: v for key, v in bounds.items() if v is not None})

    def accept(self, v):
        """v in the parameter's type. The host has checked it before; this is for tests."""
        if self.type == "int" and isinstance(v, float) and v.is_integer():
            v = int(v)
        if self.type == "float" and type(v) is int:
            v = float(v)
        fits = type(v) is type(self.default) and (self.choices is None or v in self.choices)
        if fits and self.type in ("float", "int"):
            fits = math.isfinite(v) and (self.min is None or v >= self.min) and (self.max is None or v <= self.max)
        if not fits:
            raise ConfigError(self.name, f"{self.name} is {v!r}; want {self.wanted()}")
        return v

    def wanted(self):
        if self.choices is not None:
            return "one of " + ", ".join(self.choices)
        bounds = [f"at least {self.min}"] * (self.min is not None) + [f"at most {self.max}"] * (self.max is not None)
        return " ".join([f"a {self.type}"] + (["of", " and ".join(bounds)] if bounds else []))


param = Param


class ConfigError(Exception):
    """A configuration that a component does not take; field is the parameter at fault."""

    def __init__(self, field, message):
        super().__init__(message)
        self.field = field


class Component:
    """A loss, pooling or formatter. Subclass one of those, and give it a name, a
    line of doc, and parameters made by param. A method validate that raises
    ValueError, where there is one, checks the parameters together."""

    kind = name = doc = ""

    def __init__(self, **values):
        known = self.params()
        for name, v in values.items():
            if name not in known:
                raise ConfigError(name, f"{name} is no parameter of {self.kind} {self.name}")
            self.__dict__[name] = known[name].accept(v)
        try:
            self.validate()
        except ValueError as e:
            raise ConfigError(None, str(e)) from e

    def __getattr__(self, name):
        raise missing(f"{self.kind} {self.name}", name, [*self.params(), *public(type(self))])

    def validate(self):
        pass

    @classmethod
    def params(cls):
        """The parameters by name, in the order in which the class has them."""
        return {name: p for base in reversed(cls.__mro__) for name, p in vars(base).items() if isinstance(p, Param)}

    @classmethod
    def describe(cls):
        return {"kind": cls.kind, "name": cls.name, "doc": cls.doc, "params": [p.describe() for p in cls.params().values()]}


class Loss(Component):
    """A training objective."""

    kind = "loss"

    def trace(self, g):
        """Returns an Objective. It may depend on the parameters, never on data."""
        raise NotImplementedError


class Pooling(Component):
    """Turns hidden states into one vector a sequence."""

    kind = "pooling"
    # True where it takes the state of each sequence's last token as it is, as
    # transformers' …ForSequenceClassification do; may be a property.
    pools_last_token = False
    allow = {}  # as that of Objective

    def trace(self, g):
        """Returns a tensor f32 [N, H]."""
        raise NotImplementedError


class Formatter(Component):
    """Turns one record of a data file into one example."""

    kind = "formatter"
    columns = ()  # of Column; a property, where they depend on parameters
    gives = None  # of Output: what the examples have; a property likewise, None says nothing
    forms = None  # of Form: the kinds of records that it reads; None is one, its required columns
    allow = {}  # as that of Objective

    def format(self, row):
        """Returns an Example, or a list of Candidates. row is a dict of the columns that
        the record has. Raise Drop to leave the record out; any other exception makes
        it a bad one."""
        raise NotImplementedError


class Task:
    """Names the parts of a training run: components of the same plugin, or
    "builtin:NAME". head is one that the loss reads. defaults are settings and
    parameters that it starts from, aliases other names that it answers to."""

    def __init__(self, name, doc, *, loss, formatter="", pooling="", head=LM_HEAD, defaults=None, aliases=()):
        self.entry = {"name": name, "doc": doc, "formatter": formatter, "head": head, "pooling": pooling, "loss": loss,
                      "defaults": dict(defaults or {}), "aliases": list(aliases)}


class Plugin:
    """What one program offers: component classes, and tasks that put them together."""

    def __init__(self, name, version, doc, components, tasks=()):
        self.name, self.version, self.doc = name, version, doc
        self.components, self.tasks = list(components), list(tasks)

    def describe(self):
        return {"llmhost_plugin": 1, "abi": 2, "abi_minor": 1, "sdk": "python 0.3.0", "name": self.name, "version": self.version,
                "doc": self.doc, "components": [c.describe() for c in self.components], "tasks": [t.entry for t in self.tasks]}


__all__ = ["CLASS_HEAD", "LM_HEAD", "SCORE_HEAD", "Column", "Component", "ConfigError", "Formatter", "Loss", "Param", "Plugin", "Pooling", "Task", "param"]
