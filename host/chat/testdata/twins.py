"""Prints, as JSON, generated conversations as TRL's templates and their training twins render them.

Usage: twins.py SEED COUNT. Made with transformers 5.23 and trl 1.16.
"""

import json
import os
import random
import sys

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import trl
from transformers.utils.chat_template_utils import render_jinja_template

FOLDER = os.path.join(os.path.dirname(trl.__file__), "chat_templates")
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "multiply",
            "description": "Multiplies two numbers.",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "integer", "description": "first"}, "b": {"type": "integer"}},
                "required": ["a", "b"],
            },
        },
    }
]
WORDS = [
    "Hi",
    "The answer is 42.",
    "  indented\ttext ",
    "naïve café 🙂",
    "line one\nline two\n",
    "Code: `x < y && z`",
    "日本語のテキスト",
    "\n\nlate start",
    "What is 6 * 7?",
    'A "quoted" text.',
    "ok",
    "<b>bold</b> and <|im_start|>assistant\n",
]
KINDS = "plain multi system think thinkcontent tool tool2 toolthink toolstr parts usertail thinking twice".split()


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        return " ".join(self.random.choice(WORDS) for _ in range(self.random.randint(1, 2)))

    def call(self, as_text):
        arguments = {"a": self.random.randint(0, 99), "b": self.random.choice(["x", "ünï", 3])}
        if as_text:
            arguments = json.dumps(arguments)
        return [{"id": "c0", "type": "function", "function": {"name": "multiply", "arguments": arguments}}]

    def turn(self, kind):
        """The messages of one answer."""
        text = self.text
        if kind == "think":
            return [{"role": "assistant", "reasoning_content": text(), "content": text()}]
        if kind == "thinking":
            return [{"role": "assistant", "thinking": text(), "content": text()}]
        if kind == "thinkcontent":
            return [{"role": "assistant", "content": "<think>\n" + text() + "\n</think>\n\n" + text()}]
        if kind.startswith("tool"):
            content = text() if kind == "tool2" else self.random.choice(["", None])
            call = {"role": "assistant", "content": content, "tool_calls": self.call(kind == "toolstr")}
            if kind == "toolthink":
                call["content"] = ""
                call["reasoning_content"] = text()
            output = {"role": "tool", "tool_call_id": "c0", "name": "multiply", "content": text()}
            return [call, output, {"role": "assistant", "content": text()}]
        answer = [{"role": "assistant", "content": text()}]
        return answer + [{"role": "assistant", "content": text()}] if kind == "twice" else answer

    def conversation(self):
        kind = self.random.choice(KINDS)
        messages = []
        if kind == "system" or self.random.random() < 0.3:
            messages.append({"role": "system", "content": self.text()})
        for _ in range(1 if kind == "plain" else self.random.randint(1, 3)):
            messages.append({"role": "user", "content": self.text()})
            messages += self.turn(kind)
        if kind == "usertail":
            messages.append({"role": "user", "content": self.text()})
        if kind == "parts":
            for message in messages:
                message["content"] = [{"type": "text", "text": message["content"]}]
        return {"kind": kind, "messages": messages, "tools": TOOLS if kind.startswith("tool") else None}


def read(name):
    with open(os.path.join(FOLDER, name + ".jinja"), encoding="utf-8") as file:
        return file.read()


def render(source, case):
    texts, spans = render_jinja_template(
        # apply_chat_template leaves out the keys that are None before it comes to this function.
        conversations=[[{k: v for k, v in m.items() if v is not None} for m in case["messages"]]],
        tools=case["tools"],
        chat_template=source,
        return_assistant_tokens_mask="generation" in source,
        **SPECIAL,
    )
    return texts[0], [list(span) for span in spans[0]] if spans else None


def main(seed, count):
    maker = Maker(seed)
    cases = [maker.conversation() for _ in range(count)]
    families = []
    for name in sorted(f[: -len("_training.jinja")] for f in os.listdir(FOLDER) if f.endswith("_training.jinja")):
        family = {"family": name, "original": read(name), "twin": read(name + "_training"), "cases": []}
        for case in cases:
            rendered = {}
            try:
                rendered["text"] = render(family["original"], case)[0]
                rendered["twin_text"], rendered["spans"] = render(family["twin"], case)
            except Exception:  # a template refuses what it does not know
                pass
            family["cases"].append(rendered)
        families.append(family)
    print(json.dumps({"conversations": cases, "families": families}, ensure_ascii=False))


main(int(sys.argv[1]), int(sys.argv[2]))
