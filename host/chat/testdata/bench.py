"""Chats to ids and masks with transformers and datasets.map, beside BenchmarkEncode.

Usage: bench.py FOLDER TEMPLATE, the folder of a tokenizer and a file with a template that marks what the
assistant says. Prints chats and tokens a second, with one and with two processes.
"""

import sys
import time

from datasets import Dataset, disable_caching, disable_progress_bars
from transformers import PreTrainedTokenizerFast

disable_caching()
disable_progress_bars()
folder, template = sys.argv[1:]
tokenizer = PreTrainedTokenizerFast(tokenizer_file=folder + "/tokenizer.json")
with open(template, encoding="utf-8") as file:
    tokenizer.chat_template = file.read()


def chat(i):
    messages = []
    for turn in range(1 + i % 3):
        question = "what is the capital of the country " * 2
        answer = "the capital that you ask for is Paris, of course " * 3
        messages.append({"role": "user", "content": f"Question {turn} of chat {i}: {question}?"})
        messages.append({"role": "assistant", "content": f"Answer {turn}: {answer}."})
    return {"messages": messages}


def encode(example):
    out = tokenizer.apply_chat_template(
        example["messages"], tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    return {"input_ids": out["input_ids"], "assistant_masks": out["assistant_masks"]}


data = Dataset.from_list([chat(i) for i in range(2000)])
for processes in (None, 2):
    began = time.time()
    done = data.map(encode, num_proc=processes, remove_columns=["messages"])
    took = time.time() - began
    tokens = sum(len(ids) for ids in done["input_ids"])
    print(f"{processes or 1} processes: {len(done) / took:.0f} chats/s, {tokens / took:.0f} tokens/s")
