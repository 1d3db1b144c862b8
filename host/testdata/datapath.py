"""Goes the way of BenchmarkDataPath with Python: datasets.map with a fast tokenizer, batched, in
two processes, and a collator that packs without padding.

    python datapath.py FILE TOKENIZER_FOLDER

Versions: datasets 5.2.0, tokenizers 0.23.3, transformers 5.23.0.
"""

import os
import resource
import sys
import tempfile
import time

import datasets
from torch.utils.data import DataLoader
from transformers import DataCollatorWithFlattening, PreTrainedTokenizerFast


def main(path, folder):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(folder, "tokenizer.json"))
    kind = "parquet" if path.endswith(".parquet") else "json"

    def tokens(batch):
        ids = tokenizer(batch["text"], truncation=True, max_length=512, return_attention_mask=False)["input_ids"]
        return {"input_ids": ids}

    def used():
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in both)

    with tempfile.TemporaryDirectory() as cache:
        begin, cpu = time.perf_counter(), used()
        data = datasets.load_dataset(kind, data_files=path, split="train", cache_dir=cache)
        loaded = time.perf_counter()
        data = data.map(tokens, batched=True, num_proc=2, remove_columns=data.column_names)
        mapped = time.perf_counter()
        collate = DataCollatorWithFlattening()
        n = sum(batch["input_ids"].numel() for batch in DataLoader(data, batch_size=16, collate_fn=collate))
        end = time.perf_counter()
    rows = len(data)
    print(f"load {loaded - begin:.1f} s, map {mapped - loaded:.1f} s, collate {end - mapped:.1f} s, {n} tokens")
    print(f"{rows / (end - begin):.0f} records/s, {rows / (used() - cpu):.0f} records/cpu-s, {os.path.getsize(path) / 1e6 / (end - begin):.1f} MB/s; map alone {rows / (mapped - loaded):.0f} records/s")


main(*sys.argv[1:])
