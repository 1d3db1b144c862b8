"""What one small operation costs: from Python, and from a loop in C++.

    ops.py CALLS

Answers each line from stdin with a line of JSON: seconds of CALLS calls of
each operation, by way and name. The C++ loop is TorchScript's interpreter,
which calls the operators without Python and adds a little of its own. Each
call reads the result of the one before, so that none can be left out. One
thread, float32, 4 elements (16 for matmul), no gradients.
"""

import json
import sys
import time
import warnings

import torch
from torch import Tensor

warnings.simplefilter("ignore")  # TorchScript is deprecated, and nothing else loops in C++


def add(x: Tensor, n: int) -> Tensor:
    y = x
    for _ in range(n):
        y = torch.add(y, x)
    return y


def matmul(x: Tensor, n: int) -> Tensor:
    y = x
    for _ in range(n):
        y = torch.matmul(y, x)
    return y


def logsumexp(x: Tensor, n: int) -> Tensor:
    y = x
    for _ in range(n):
        y = torch.logsumexp(y, -1, True)
    return y


def seconds(loop, x, calls):
    began = time.perf_counter()
    loop(x, calls)
    return time.perf_counter() - began


calls = int(sys.argv[1])
torch.set_num_threads(1)
torch.set_grad_enabled(False)
cases = {"add": (add, torch.ones(4)), "matmul": (matmul, torch.eye(4)), "logsumexp": (logsumexp, torch.ones(4, 1))}
compiled = {name: torch.jit.script(loop) for name, (loop, _) in cases.items()}
print(json.dumps({"versions": f"torch {torch.__version__}"}), flush=True)
for line in sys.stdin:
    print(json.dumps({
        "python": {name: seconds(loop, x, calls) for name, (loop, x) in cases.items()},
        "script": {name: seconds(compiled[name], x, calls) for name, (_, x) in cases.items()},
    }), flush=True)
