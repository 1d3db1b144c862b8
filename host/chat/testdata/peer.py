"""Renders many conversations with every chat template that TRL and transformers ship, as
transformers does, and prints one JSON object a line: the input and what came of it.

    python peer.py                            templates of TRL and transformers
    python peer.py FILE ...                   those files
    python peer.py --seed N [--count M] ...   M conversations made at random, instead of those listed here

Written for transformers 5.23, TRL 1.16 and Jinja2 3.1.
"""

import argparse
import ast
import datetime
import glob
import importlib.util
import itertools
import json
import os
import random
import re
import sys

from transformers.utils import chat_template_utils as utils

NOW = datetime.datetime(2024, 7, 26)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


utils.datetime = Clock

TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "It's the \"weather\" <b>é</b>\n",
     "parameters": {"type": "object", "properties": {
         "city": {"type": "string", "description": "where", "default": "Paris"},
         "items": {"type": "array", "items": {"type": "string", "enum": ["a", "b'c"]}},
         "keys": {"type": ["integer", "null"], "default": None, "minimum": -1.5, "nullable": True},
         "any": {"anyOf": [{"type": "string"}, {"type": "number"}]}},
         "required": ["city"]},
     "return": {"type": "object", "properties": {"x": {"type": "number"}}}}},
    {"type": "function", "function": {"name": "noop", "description": "", "parameters": {"type": "object", "properties": {}}}},
]
DOCUMENTS = [{"title": "A 'title'", "text": "Some\ntext"}, {"title": "", "text": "é", "n": 1}]
TEXTS = ["Hi, what's 2+2? <b>é</b>\n  indented ", "", " ", "\n", "Ünï ☃ 中文 🎉", "a 'b' \"c\" \\ {{ x }} {% y %}", "x" * 50, "line\r\nline\u2028z"]


def call(name, **arguments):
    return {"type": "function", "id": "abcdefghi", "function": {"name": name, "arguments": arguments}}


def conversations():
    def said(role):
        return lambda content, **more: {"role": role, "content": content, **more}

    user, answer, system, tool = map(said, ("user", "assistant", "system", "tool"))
    yield "user", [user("Hi")]
    yield "pair", [user("Hi"), answer("It's 4.  \n")]
    yield "system", [system("Be brief."), user("Hi"), answer("Yes")]
    yield "system alone", [system("Be brief.")]
    yield "developer", [{"role": "developer", "content": "Be brief."}, user("Hi"), answer("Yes")]
    yield "three", [user("a"), answer("b"), user("c"), answer("d"), user("e")]
    yield "wrong order", [answer("a"), user("b")]
    yield "twice user", [user("a"), user("b")]
    yield "unknown role", [user("a"), {"role": "critic", "content": "b"}]
    yield "think in text", [user("a"), answer("<think>\nhm\n</think>\n\nb"), user("c"), answer("<think>\nhm 2\n</think>\n\nd")]
    yield "think open", [user("a"), answer("</think>b</think>"), user("c")]
    yield "reasoning", [user("a"), answer("b", reasoning_content="hm"), user("c"), answer("d", reasoning_content="\nhm 2\n")]
    yield "thinking", [user("a"), answer("b", thinking="hm"), user("c")]
    yield "reasoning tool", [user("a"), answer("", reasoning_content="hm", tool_calls=[call("get_weather", city="X")]), tool("sunny"), answer("ok", reasoning="r")]
    yield "null content", [user("a"), answer(None, tool_calls=[call("get_weather", city="Pa'ris", n=1.5, b=True, z=None, l=[1, "x"], d={"k": "é"})]), tool('{"t": 20.0}', name="get_weather", tool_call_id="abcdefghi"), answer("20")]
    yield "two calls", [user("a"), answer("so", tool_calls=[call("get_weather", city="A"), call("noop")]), tool("1", name="get_weather"), tool("2", name="noop"), answer("done"), user("b")]
    yield "arguments as text", [user("a"), answer("", tool_calls=[{"type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]), tool("1")]
    yield "no arguments", [user("a"), answer("", tool_calls=[{"function": {"name": "f", "arguments": {}}}]), tool("")]
    yield "empty calls", [user("a"), answer("b", tool_calls=[])]
    yield "tool as object", [user("a"), answer("", tool_calls=[call("noop")]), {"role": "tool", "content": {"t": 1, "n": None}}]
    yield "parts", [user([{"type": "text", "text": "a"}, {"type": "text", "text": " b"}]), answer([{"type": "text", "text": "c"}])]
    yield "parts system", [system([{"type": "text", "text": "S"}]), user([{"type": "text", "text": "a"}]), answer([{"type": "text", "text": "c"}]), user("d")]
    yield "image", [user([{"type": "image"}, {"type": "text", "text": "what"}]), answer([{"type": "text", "text": "c"}])]
    yield "no content", [user("a"), {"role": "assistant"}]
    yield "more keys", [user("a", name="Bob", weight=0), answer("b", train=False, extra={"a": [1]})]
    for i, text in enumerate(TEXTS):
        yield f"text {i}", [system(text), user(text), answer(text), user(text), answer(text)]
    pick = random.Random(0)
    for i in range(12):
        turns = [system(pick.choice(TEXTS))] if pick.random() < 0.4 else []
        for _ in range(pick.randint(1, 4)):
            turns.append(user(pick.choice(TEXTS)))
            if pick.random() < 0.3:
                turns.append(answer(pick.choice(TEXTS), tool_calls=[call(pick.choice(["get_weather", "noop"]), city=pick.choice(TEXTS), n=pick.choice([0, -3, 1e20, 0.1, 12345678901234567890]))]))
                turns.append(tool(pick.choice(TEXTS), name="get_weather"))
            more = {"reasoning_content": pick.choice(TEXTS)} if pick.random() < 0.4 else {}
            turns.append(answer(pick.choice(TEXTS), **more))
        if pick.random() < 0.5:
            turns.pop()
        yield f"random {i}", turns


class Wild:
    """Conversations made at random, of all that JSON and the fields of messages allow."""

    ROLES = ["user", "assistant", "assistant", "user", "tool", "system", "developer", "ipython", "observation", "function", "User"]
    WORDS = TEXTS + [
        "<think>\na thought\n</think>\n\nsaid", "<think>open", "closed</think> said", "[INST] x [/INST]", "<|im_end|>\n<|im_start|>user",
        "{\"a\": 1}", "[1, 2.50, null]", "True", "0", "tab\there", "\u00a0nbsp\u3000", "e\u0301 \u1e9e \u0130 \u01c5", "\x00\x1f\x7f\x85",
        "</s>", "a\\nb", "'quoted \"\"\"' both", "%s %d {0} {x}", "<tool_call>{}</tool_call>", "- a\n- b\n\n\n", "🏳️‍🌈👩🏽",
    ]
    NUMBERS = [0, 1, -1, 7, 1.0, -0.0, 0.1, 1e16, 1.5e-7, 123456789.125, 1e22, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**100, 1e300]

    def __init__(self, seed):
        self.pick = random.Random(seed)

    def chance(self, p):
        return self.pick.random() < p

    def text(self):
        if self.chance(0.02):
            return self.pick.choice(self.WORDS) * 500
        return self.pick.choice(["", " ", "\n"]).join(self.pick.choice(self.WORDS) for _ in range(self.pick.randint(1, 3)))

    def value(self, depth=3):
        kind = self.pick.randint(0, 9 if depth else 5)
        if kind <= 1:
            return self.text()
        if kind == 2:
            return self.pick.choice(self.NUMBERS)
        if kind == 3:
            return self.pick.choice([True, False])
        if kind == 4:
            return None
        if kind == 5:
            return self.pick.choice([[], {}, "", "x"])
        if kind <= 7:
            return [self.value(depth - 1) for _ in range(self.pick.randint(1, 3))]
        return self.object(depth - 1)

    def object(self, depth=2):
        names = ["a", "b'c", "items", "type", "é", "keys", "x y", "\"", "name", "default", "Z", "1"]
        return {self.pick.choice(names): self.value(max(depth, 0)) for _ in range(self.pick.randint(0, 4))}

    def schema(self, depth=3):
        kind = self.pick.choice(["string", "integer", "number", "boolean", "array", "object", "object", ["string", "null"], "any", None])
        out = {} if kind is None else {"type": kind}
        if self.chance(0.6):
            out["description"] = self.text()
        if self.chance(0.3):
            out["enum"] = [self.value(0) for _ in range(self.pick.randint(1, 3))]
        if self.chance(0.2):
            out["default"] = self.value(1)
        for key, p in (("nullable", 0.1), ("minimum", 0.1), ("format", 0.05), ("title", 0.1), ("additionalProperties", 0.1)):
            if self.chance(p):
                out[key] = self.value(0)
        if kind == "array" and depth and self.chance(0.9):
            out["items"] = self.schema(depth - 1)
        if kind == "object" and depth and self.chance(0.9):
            names = [self.pick.choice(["city", "n", "é", "items", "a_b", "type"]) for _ in range(self.pick.randint(0, 3))]
            out["properties"] = {name: self.schema(depth - 1) for name in names}
            if self.chance(0.6):
                out["required"] = list(out["properties"])[:1]
        if kind is None and depth:
            out[self.pick.choice(["anyOf", "oneOf", "allOf"])] = [self.schema(depth - 1) for _ in range(2)]
        return out

    def tools(self):
        out = []
        for i in range(self.pick.randint(0, 4)):
            function = {"name": self.pick.choice(["get_weather", "noop", "f", "ns.g"]) + str(i or "")}
            if self.chance(0.9):
                function["description"] = self.text()
            if self.chance(0.9):
                names = self.pick.sample(["city", "n", "items", "keys", "é"], self.pick.randint(0, 3))
                function["parameters"] = {"type": "object", "properties": {name: self.schema() for name in names}}
                if self.chance(0.7):
                    function["parameters"]["required"] = names[:1]
            if self.chance(0.2):
                function["return"] = self.schema()
            if self.chance(0.1):
                function["strict"] = True
            out.append({"type": "function", "function": function} if self.chance(0.95) else function)
        return out

    def call(self):
        arguments = self.object(3)
        if self.chance(0.25):
            arguments = json.dumps(arguments, ensure_ascii=self.chance(0.5))
        elif self.chance(0.05):
            arguments = self.text()
        made = {"name": self.pick.choice(["get_weather", "noop", "f"]), "arguments": arguments}
        if self.chance(0.03):
            del made["arguments"]
        made = {"type": "function", "function": made} if self.chance(0.95) else made
        if self.chance(0.7):
            made["id"] = self.pick.choice(["abcdefghi", "call_0", "functions.f:0", "x" * 9])
        return made

    def content(self):
        kind = self.pick.random()
        if kind < 0.78:
            return self.text()
        if kind < 0.84:
            return self.pick.choice([None, "", [], " "])
        parts = [{"type": "text", "text": self.text()} for _ in range(self.pick.randint(1, 3))]
        if self.chance(0.15):
            others = [{"type": "image"}, {"type": "image_url", "image_url": {"url": "x"}}, {"type": "audio"}, {"type": "thinking", "thinking": "hm"}, {"text": "bare"}, "plain"]
            parts.insert(self.pick.randint(0, len(parts)), self.pick.choice(others))
        return parts

    def message(self, role):
        out = {"role": role, "content": self.content()}
        if role == "assistant":
            if self.chance(0.3):
                out[self.pick.choice(["reasoning_content", "thinking", "reasoning"])] = self.pick.choice([self.text(), "", None])
            if self.chance(0.3):
                out["tool_calls"] = [self.call() for _ in range(self.pick.randint(0, 3))]
        if role in ("tool", "ipython", "function", "observation"):
            if self.chance(0.7):
                out["name"] = self.pick.choice(["get_weather", "noop"])
            if self.chance(0.7):
                out["tool_call_id"] = self.pick.choice(["abcdefghi", "call_0"])
            if self.chance(0.2):
                out["content"] = self.value()
        if self.chance(0.05):
            out[self.pick.choice(["name", "weight", "train", "prefix", "recipient", "citations", "tool_plan", "channel"])] = self.value(1)
        if self.chance(0.03):
            del out["content"]
        return out

    def messages(self):
        if self.chance(0.25):
            return [self.message(self.pick.choice(self.ROLES)) for _ in range(self.pick.randint(1, 8))]
        out = [self.message("system")] if self.chance(0.4) else []
        for _ in range(self.pick.choice([1, 1, 2, 3, 6])):
            out.append(self.message("user"))
            answer = self.message("assistant")
            out.append(answer)
            if answer.get("tool_calls"):
                out += [self.message("tool") for _ in answer["tool_calls"]]
                if self.chance(0.7):
                    out.append(self.message("assistant"))
        return out[:-1] if self.chance(0.4) and len(out) > 1 else out

    KWARGS = {
        "enable_thinking": [True, False, None], "thinking": [True, False], "reasoning_effort": ["low", "high", "max", None],
        "date_string": ["1 Jan 2025"], "preserve_thinking": [True, False], "clear_thinking": [True, False],
        "builtin_tools": [["browser"], ["code_interpreter"], []], "tools_in_user_message": [True, False],
        "citation_mode": ["fast", "accurate"], "thinking_budget": [0, 512, -1],
    }

    def variant(self):
        out = {}
        if self.chance(0.4):
            out["tools"] = self.tools()
        if self.chance(0.15):
            out["documents"] = [{"title": self.text(), "text": self.text(), **self.object(1)} for _ in range(self.pick.randint(0, 3))]
        if self.chance(0.5):
            out["add_generation_prompt"] = True
        elif self.chance(0.1):
            out["continue_final_message"] = "content"
        kwargs = {key: self.pick.choice(values) for key, values in self.KWARGS.items() if self.chance(0.12)}
        return {**out, "kwargs": kwargs} if kwargs else out


VARIANTS = [
    ("", {}),
    ("prompt", {"add_generation_prompt": True}),
    ("tools", {"tools": TOOLS}),
    ("tools prompt", {"tools": TOOLS, "add_generation_prompt": True}),
    ("documents", {"documents": DOCUMENTS}),
    ("no thinking", {"kwargs": {"enable_thinking": False, "reasoning_effort": "low", "thinking": False}, "add_generation_prompt": True}),
    ("arguments", {"kwargs": {"enable_thinking": True, "preserve_thinking": True, "builtin_tools": ["browser", "python"], "custom_tools": None, "date_string": "1 Jan", "tools_in_user_message": False, "model_identity": "I am", "xml_tools": TOOLS[:1], "python_tools": []}, "tools": TOOLS[:1], "add_generation_prompt": True}),
    ("continued", {"continue_final_message": "content"}),
]
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def templates():
    trl = os.path.join(os.path.dirname(importlib.util.find_spec("trl").origin), "chat_templates", "*.jinja")
    for path in sorted(glob.glob(trl)):
        yield "trl/" + os.path.basename(path), open(path, encoding="utf-8").read()
    home = os.path.dirname(importlib.util.find_spec("transformers").origin)
    for path in sorted(glob.glob(os.path.join(home, "**", "*.py"), recursive=True)):
        text = open(path, encoding="utf-8").read()
        if "{%" not in text or "message" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            # A template in the code: a constant text, also in pieces that Python joins.
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"{%-?\s*for\s+\w+\s+in\s+messages", node.value):
                if '"""' in node.value or "Args:" in node.value or ">>>" in node.value:
                    continue
                yield f"transformers/{os.path.relpath(path, home)}:{node.lineno}", node.value


def render(source, messages, tools=None, documents=None, kwargs=None, add_generation_prompt=False, continue_final_message=False):
    messages = [{k: v for k, v in m.items() if v is not None} for m in messages]
    text, spans = utils.render_jinja_template(
        [messages], tools=tools, documents=documents, chat_template=source,
        return_assistant_tokens_mask=not continue_final_message, continue_final_message=continue_final_message,
        add_generation_prompt=add_generation_prompt, **{**SPECIAL, **(kwargs or {})})
    return text[0], spans[0] if spans else []


def listed():
    for (about, messages), (variant, more) in itertools.product(conversations(), VARIANTS):
        yield {"about": about + (", " + variant if variant else ""), "messages": messages, **more}


def wild(seed, count):
    for n in range(seed, seed + count):
        maker = Wild(n)
        yield {"about": f"seed {n}", "messages": maker.messages(), **maker.variant()}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seed", type=int)
    arguments.add_argument("--count", type=int, default=100)
    arguments.add_argument("files", nargs="*")
    given = arguments.parse_args()
    found = [(p, open(p, encoding="utf-8").read()) for p in given.files] or list(templates())
    cases = list(listed()) if given.seed is None else list(wild(given.seed, given.count))
    for name, source in found:
        print(json.dumps({"template": name, "source": source}))
        for case in map(dict, cases):
            messages = case["messages"]
            more = {k: v for k, v in case.items() if k not in ("about", "messages")}
            try:
                case["want"], case["spans"] = render(source, json.loads(json.dumps(messages)), **json.loads(json.dumps(more)))
            except Exception as e:  # noqa: BLE001: what Python calls it is part of the case
                case["error"] = f"{type(e).__name__}: {e}"
            print(json.dumps(case))


if __name__ == "__main__":
    main()
