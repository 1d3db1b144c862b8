"""Reads the files that BenchmarkRead left, with datasets and pyarrow: rows a second, and a
second of computing.

    LLMHOST_BENCH_FOLDER=FOLDER go test ./host/data/source -run NONE -bench Read
    python bench.py FOLDER

Every row is gone through as a dict of two texts and a number, as a training loop would.
datasets first builds its cache (in a folder of its own) and then reads that: "prepare"
is both together, "again" the second time.
"""

import os
import sys
import tempfile
import time

os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
import datasets
import pyarrow.feather as feather
import pyarrow.parquet as pq

COLUMNS = ["prompt", "answer", "score"]


def rows(iterable):
    n = 0
    for row in iterable:
        n += len(row["prompt"]) + len(row["answer"]) > 0
    return n


def timed(name, how, run):
    begin, cpu = time.perf_counter(), time.process_time()
    n = run()
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    print(f"{name:12} {how:22} {n / wall:12.0f} rows/s {n / cpu:12.0f} rows/cpu-s", flush=True)


def batches(path):
    for batch in pq.ParquetFile(path).iter_batches(columns=COLUMNS):
        yield from batch.to_pylist()


folder = sys.argv[1]
kinds = {".jsonl": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
for name in sorted(os.listdir(folder)):
    path = os.path.join(folder, name)
    ending = os.path.splitext(name.removesuffix(".gz").removesuffix(".zst"))[1]
    if name.endswith(".zst"):
        continue  # needs the package zstandard
    if name == "saved":
        timed(name, "datasets", lambda: rows(datasets.load_from_disk(path).select_columns(COLUMNS)))
    elif name == "a.arrow":
        timed(name, "pyarrow", lambda: rows(feather.read_table(path, columns=COLUMNS).to_pylist()))
    elif ending in kinds:
        with tempfile.TemporaryDirectory() as cache:
            options = {"sep": "\t"} if ending == ".tsv" else {}
            load = lambda **more: datasets.load_dataset(kinds[ending], data_files=path, split="train", cache_dir=cache, **options, **more).select_columns(COLUMNS)
            timed(name, "datasets, prepare", lambda: rows(load()))
            timed(name, "datasets, again", lambda: rows(load()))
            timed(name, "datasets, streaming", lambda: rows(load(streaming=True)))
        if name == "a.parquet":
            timed(name, "pyarrow", lambda: rows(batches(path)))
