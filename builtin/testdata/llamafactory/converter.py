"""Writes what LLaMA-Factory's converters make of records, as JSON lines.

    python3 converter.py LLAMAFACTORY_SOURCE > converter.jsonl

The argument is the folder of the unpacked package llamafactory 0.9.5 that holds src.
Its own converter.py runs, with the two modules that it imports for logging and the
names of roles; nothing else of the package is needed.
"""
import enum
import importlib.util
import json
import pathlib
import random
import sys
import types

source = pathlib.Path(sys.argv[1]) / "src/llamafactory/data"


class Quiet:
    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class Role(str, enum.Enum):
    USER, ASSISTANT, SYSTEM, FUNCTION, OBSERVATION = "user", "assistant", "system", "function", "observation"


assert '    USER = "user"' in (source / "data_utils.py").read_text()
for name in ["lf", "lf.extras", "lf.data", "lf.data.data_utils"]:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
sys.modules["lf.extras"].logging = types.SimpleNamespace(get_logger=lambda name: Quiet())
sys.modules["lf.data.data_utils"].Role = Role
sys.modules["lf"].extras = sys.modules["lf.extras"]
for name in ["converter", "parser"]:
    text = (source / f"{name}.py").read_text()
    if name == "parser":  # the class alone: the module imports a hub
        text = "from dataclasses import dataclass\nfrom typing import Any, Literal\n" + text[text.index("@dataclass") : text.index("def get_dataset_list")]
    module = types.ModuleType(f"lf.data.{name}")
    module.__package__ = "lf.data"
    sys.modules[module.__name__] = module
    exec(compile(text, name, "exec"), module.__dict__)
converter, parser = sys.modules["lf.data.converter"], sys.modules["lf.data.parser"]

random.seed(7)
words = ["sky", "blue", "ünï", "2 + 2", "fig", "\n", "🙂", "\"q\"", "a b"]


def text():
    return " ".join(random.choice(words) for _ in range(random.randint(1, 4))) + random.choice(["x", "?", "."])


def call():
    return json.dumps({"name": random.choice(["add", "look"]), "arguments": {"a": random.randint(0, 9), "b": text()}})


def turns(asked):
    out = [{"from": "system", "value": text()}] if random.random() < 0.3 else []
    for _ in range(random.randint(1, 3)):
        out.append({"from": "human", "value": text()})
        while random.random() < 0.3:
            out += [{"from": "function_call", "value": call()}, {"from": "observation", "value": text()}]
        out.append({"from": "gpt", "value": text()})
    if asked:
        out.pop()
    if random.random() < 0.25:  # broken
        at = random.randrange(len(out))
        random.choice([lambda: out.pop(at), lambda: out.insert(at, dict(out[at])), lambda: out.reverse()])()
    return out


def record(kind):
    r = {}
    if "sharegpt" in kind:
        r["conversations"] = turns(kind == "sharegpt_pairs")
        if kind == "sharegpt_pairs":
            r["chosen"], r["rejected"] = ({"from": "gpt", "value": text()} for _ in range(2))
    else:
        r["instruction"], r["input"] = text(), random.choice(["", text()])
        r["history"] = [[text(), text()] for _ in range(random.randint(0, 2))]
        if kind == "alpaca_pairs":
            r["chosen"], r["rejected"] = text(), text()
        else:
            r["output"] = text()
    r["system"] = random.choice(["", text()])
    if kind.endswith("labelled"):
        r["kto_tag"] = random.random() < 0.5
    return r


for kind in ["sharegpt", "sharegpt_pairs", "sharegpt_labelled", "alpaca_chat", "alpaca_pairs", "alpaca_labelled"]:
    attr = parser.DatasetAttr("file", "x", formatting="sharegpt" if "sharegpt" in kind else "alpaca", ranking=kind.endswith("pairs"))
    attr.system, attr.history, attr.chosen, attr.rejected = "system", "history", "chosen", "rejected"
    attr.kto_tag = "kto_tag" if kind.endswith("labelled") else None
    convert = converter.get_dataset_converter(attr.formatting, attr, None)
    for _ in range(40):
        r = record(kind)
        made = convert(r)
        plain = lambda messages: [[str(m["role"].value if hasattr(m["role"], "value") else m["role"]), m["content"]] for m in messages]
        print(json.dumps({"formatter": kind, "record": r, "prompt": plain(made["_prompt"]), "response": plain(made["_response"]), "system": made["_system"]}, ensure_ascii=False))
