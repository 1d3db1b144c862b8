"""Renders what BenchmarkRender renders, with transformers.

    python bench_render.py FOLDER    the folder with chat_templates
"""

import sys
import time

from transformers.utils.chat_template_utils import render_jinja_template


def chat(i):
    messages = []
    for turn in range(1 + i % 3):
        question = "what is the capital of the country " * 2
        answer = "the capital that you ask for is Paris, of course " * 3
        messages.append({"role": "user", "content": f"Question {turn} of chat {i}: {question}?"})
        messages.append({"role": "assistant", "content": f"Answer {turn}: {answer}."})
    return messages


chats = [chat(i) for i in range(2000)]
for name in ("chatml", "llama3", "qwen3", "smollm2_hf"):
    with open(f"{sys.argv[1]}/chat_templates/{name}.jinja", encoding="utf-8") as file:
        source = file.read()
    began = time.time()
    render_jinja_template(chats, chat_template=source, bos_token="<s>", eos_token="</s>")
    print(f"{name}: {len(chats) / (time.time() - began):.0f} chats/s")
