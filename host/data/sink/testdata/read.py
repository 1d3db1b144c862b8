"""Prints the records of data files as JSON lines, read by pandas, pyarrow or datasets:

    python read.py LIBRARY FILE LIBRARY FILE ...
"""

import json
import sys

import pandas as pd


def read(library, path):
    if library == "pyarrow.parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path).to_pylist()
    if library == "pyarrow.feather":
        import pyarrow.feather as feather

        return feather.read_table(path).to_pylist()
    if library == "datasets.disk":
        import datasets

        data = datasets.load_from_disk(path)
        data.map(lambda row: row)  # writes a cache file into the folder, by the fingerprint
        return data.to_list()
    if library == "datasets":
        import datasets

        kind = next(k for k in ["json", "csv", "parquet", "text"] if ("." + k) in path.replace("txt", "text"))
        return datasets.load_dataset(kind, data_files=path, split="train", cache_dir=path + ".cache").to_list()
    if library == "pandas.csv":
        return rows_of(pd.read_csv(path, sep="\t" if ".tsv" in path else ","))
    if library == "pandas.parquet":
        return rows_of(pd.read_parquet(path))
    if library == "pyarrow.zstd":
        import pyarrow

        with pyarrow.CompressedInputStream(path, "zstd") as lines:
            return [json.loads(line) for line in lines.read().decode().splitlines()]
    raise ValueError(library)


def rows_of(frame):
    return [{k: None if pd.api.types.is_scalar(v) and pd.isna(v) else v for k, v in row.items()} for row in frame.to_dict("records")]


def plain(value):
    return value.tolist() if hasattr(value, "tolist") else str(value)


for library, path in zip(sys.argv[1::2], sys.argv[2::2]):
    for row in read(library, path):
        print(f"ROW {path} " + json.dumps(row, ensure_ascii=False, default=plain))
