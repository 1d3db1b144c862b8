"""The shortest way from nothing to a first step with transformers.

    startup.py MODEL TOKENIZER DATA THREADS DEVICE

Trains one step on the prompt/answer records of the file DATA and prints the
loss as a line of JSON.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

path, tokenizer_path, data, threads, device = sys.argv[1:]
torch.set_num_threads(int(threads))
torch.set_default_device(device)
tokenizer = AutoTokenizer.from_pretrained(tokenizer_path)
model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).to(device).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=True)

with open(data) as file:
    records = [json.loads(line) for line in file]
prompts = [tokenizer(r["prompt"])["input_ids"] for r in records]
answers = [tokenizer(r["answer"])["input_ids"] for r in records]
width = max(len(p) + len(a) for p, a in zip(prompts, answers))
ids = torch.zeros(len(records), width, dtype=torch.long)
mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
for i, (p, a) in enumerate(zip(prompts, answers)):
    ids[i, :len(p) + len(a)] = torch.tensor(p + a)
    mask[i, :len(p) + len(a)] = 1
    labels[i, len(p):len(p) + len(a)] = torch.tensor(a)

loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
loss.backward()
torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
optimizer.step()
print(json.dumps({"loss": loss.item()}), flush=True)
