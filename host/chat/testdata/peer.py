"""Renders many conversations with every chat template that TRL and transformers ship, as
transformers does, and prints one JSON object a line: the input and what came of it.

    python peer.py            templates of TRL and transformers
    python peer.py FILE ...   those files

Written for transformers 5.23, TRL 1.16 and Jinja2 3.1.
"""

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


def main():
    found = [(p, open(p, encoding="utf-8").read()) for p in sys.argv[1:]] or list(templates())
    for name, source in found:
        print(json.dumps({"template": name, "source": source}))
        for (about, messages), (variant, more) in itertools.product(conversations(), VARIANTS):
            case = {"about": about + (", " + variant if variant else ""), "messages": messages, **more}
            try:
                case["want"], case["spans"] = render(source, json.loads(json.dumps(messages)), **json.loads(json.dumps(more)))
            except Exception as e:  # noqa: BLE001: what Python calls it is part of the case
                case["error"] = f"{type(e).__name__}: {e}"
            print(json.dumps(case))


if __name__ == "__main__":
    main()
