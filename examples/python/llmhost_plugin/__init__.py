"""Write a plugin for llmhost in Python.

A loss is traced once into a small program of tensor operations, which the host
runs at every training step; so a loss never sees a number, it only says what is
to be computed. It reads like PyTorch:

    from llmhost_plugin import Loss, Objective, Plugin, Task, Term, param, serve

    class Margin(Loss):
        name, doc = "margin", "hinge over pairs"
        margin = param(0.5, min=0, doc="gap wanted for every pair, in nats per token")

        def trace(self, g):
            p = g.logps.sum(-1) / g.label_mask.sum(-1).clamp(min=1)
            ...
            return Objective([Term("hinge", total, count)])

    if __name__ == "__main__":
        serve(Plugin("margin", "1.0.0", "…", [Margin], [Task("margin", "…", loss="margin", formatter="builtin:preference")]))

What crosses to the host is described in sdk/README.md of llmhost. Tracing and
its tests need nothing but Python; only serve needs grpcio and cryptography.
"""

from .chat import Chat, Message, message, messages
from .components import CLASS_HEAD, LM_HEAD, SCORE_HEAD, Component, Formatter, Loss, Param, Plugin, Pooling, Task, param
from .graph import Graph, Metric, Objective, State, Tensor, Term, f32, i64, maximum, minimum, ones_like, where, zeros_like
from .rows import Candidate, Column, Drop, Example, Form, Output
from .serving import claim_output, serve
from .server import Server

claim_output()  # here, before the plugin's own code can print anything

__all__ = [
    "CLASS_HEAD", "LM_HEAD", "SCORE_HEAD", "Candidate", "Chat", "Column", "Component", "Drop", "Example", "Form", "Formatter", "Graph", "Loss",
    "Message", "Metric", "Objective", "Output", "Param", "Plugin", "Pooling", "Server", "State", "Task", "Tensor", "Term", "f32", "i64", "maximum",
    "message", "messages", "minimum", "ones_like", "param", "serve", "where", "zeros_like",
]
