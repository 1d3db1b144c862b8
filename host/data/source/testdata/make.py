"""Writes data files with pyarrow, pandas and datasets, and beside each what they hold.

    python make.py FOLDER        all of them, for the tests that have a Python
    python make.py --golden      the few that are kept here

Every case is a file or folder NAME and its records in NAME.expected.jsonl, as the
libraries themselves give them: times by isoformat, durations in seconds, bytes as
text, maps with texts for keys as objects and others as pairs.
"""

import datetime as dt
import decimal
import json
import os
import shutil
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq


def plain(value, kind=None):
    if kind is not None and pa.types.is_map(kind) and value is not None:
        pairs = [[plain(k, kind.key_type), plain(v, kind.item_type)] for k, v in value]
        return dict(pairs) if pa.types.is_string(kind.key_type) else pairs
    if isinstance(value, dict):
        return {k: plain(v, kind.field(k).type if kind is not None and pa.types.is_struct(kind) else None) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        inner = getattr(kind, "value_type", None)
        return [plain(v, inner) for v in value]
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def expect(path, rows):
    with open(path + ".expected.jsonl", "w") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def rows_of(table):
    return [{f.name: plain(row[f.name], f.type) for f in table.schema} for row in table.to_pylist()]


def types_table():
    """Every type, a null in each, and a value that is awkward."""
    utc = dt.datetime(2024, 2, 29, 12, 30, 1, 500000, tzinfo=dt.timezone.utc)
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    columns = {
        "null": (pa.null(), [None, None, None]),
        "bool": (pa.bool_(), [True, None, False]),
        "int8": (pa.int8(), [-128, None, 127]),
        "int16": (pa.int16(), [-32768, None, 7]),
        "int32": (pa.int32(), [-(2**31), None, 7]),
        "int64": (pa.int64(), [-(2**63), None, 2**63 - 1]),
        "uint8": (pa.uint8(), [255, None, 0]),
        "uint16": (pa.uint16(), [65535, None, 0]),
        "uint32": (pa.uint32(), [2**32 - 1, None, 0]),
        "uint64": (pa.uint64(), [2**64 - 1, None, 0]),
        "float32": (pa.float32(), [0.5, None, -1.25e10]),
        "float64": (pa.float64(), [0.1, None, 1e-300]),
        "string": (pa.string(), ["é \"q\" \\ \n\t\u2028 😀", None, ""]),
        "large_string": (pa.large_string(), ["x" * 70, None, "y"]),
        "binary": (pa.binary(), [b"bytes", None, b""]),
        "large_binary": (pa.large_binary(), [b"bytes", None, b""]),
        "fixed": (pa.binary(3), [b"abc", None, b"xyz"]),
        "date32": (pa.date32(), [dt.date(1969, 12, 31), None, dt.date(2024, 2, 29)]),
        "time32": (pa.time32("ms"), [dt.time(1, 2, 3, 4000), None, dt.time(23, 59)]),
        "time64": (pa.time64("us"), [dt.time(1, 2, 3, 4), None, dt.time(0)]),
        "timestamp_ms": (pa.timestamp("ms"), [dt.datetime(2024, 2, 29, 1, 2, 3, 4000), None, dt.datetime(1900, 1, 1)]),
        "timestamp_us": (pa.timestamp("us"), [dt.datetime(2024, 2, 29, 1, 2, 3, 4), None, dt.datetime(1969, 12, 31, 23, 59, 59, 999999)]),
        "timestamp_utc": (pa.timestamp("us", tz="UTC"), [utc, None, utc.replace(microsecond=0)]),
        "decimal": (pa.decimal128(12, 3), [decimal.Decimal("-12.345"), None, decimal.Decimal("0.100")]),
        "decimal_large": (pa.decimal128(30, 2), [decimal.Decimal("12345678901234567890.12"), None, decimal.Decimal("-0.01")]),
        "list": (pa.list_(pa.int64()), [[1, None, 3], None, []]),
        "large_list": (pa.large_list(pa.string()), [["a", None], None, []]),
        "list_list": (pa.list_(pa.list_(pa.float64())), [[[1.5], [], None], None, []]),
        "map": (pa.map_(pa.string(), pa.int64()), [[("b", 1), ("a", None)], None, []]),
        "map_int": (pa.map_(pa.int32(), pa.string()), [[(2, "b"), (1, "a")], None, []]),
        "struct": (pa.struct([("z", pa.int64()), ("a", pa.string())]), [{"z": 1, "a": "x"}, None, {"z": None, "a": None}]),
        "messages": (pa.list_(message), [[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None}], None, []]),
        "deep": (
            pa.struct([("calls", pa.list_(pa.struct([("name", pa.string()), ("args", pa.list_(pa.string()))]))), ("n", pa.int8())]),
            [{"calls": [{"name": "f", "args": ["x", None]}, None, {"name": None, "args": None}], "n": 1}, None, {"calls": None, "n": None}],
        ),
        "dictionary": (pa.dictionary(pa.int32(), pa.string()), ["red", None, "blue"]),
    }
    return pa.table({name: pa.array(values, kind) for name, (kind, values) in columns.items()})


def arrow_only(table):
    """Types that Parquet has not."""
    more = {
        "string_view": pa.array(["short", None, "longer than twelve bytes"], pa.string_view()),
        "binary_view": pa.array([b"short", None, b"longer than twelve bytes"], pa.binary_view()),
        "float16": pa.array([0.5, None, -2.0], pa.float16()),
        "date64": pa.array([dt.date(1969, 12, 31), None, dt.date(2024, 2, 29)], pa.date64()),
        "duration": pa.array([dt.timedelta(seconds=90.5), None, dt.timedelta(0)], pa.duration("ms")),
        "fixed_list": pa.array([[1.5, 2.5], None, [0.0, None]], pa.list_(pa.float32(), 2)),
        "list_view": pa.array([[1, 2], None, []], pa.list_view(pa.int64())),
        "runs": pa.RunEndEncodedArray.from_arrays([1, 2, 3], pa.array(["a", None, "b"])),
    }
    for name, values in more.items():
        table = table.append_column(name, values)
    return table


def many(n):
    """Enough rows for several batches, groups and pages."""
    return pa.table(
        {
            "q": pa.array([f"question {i} " + "é" * (i % 7) if i % 5 else None for i in range(n)]),
            "n": pa.array(range(n), pa.int64()),
            "tags": pa.array([[f"t{j}" for j in range(i % 4)] if i % 3 else None for i in range(n)], pa.list_(pa.string())),
            "m": pa.array([[{"role": "user", "content": f"c{i}"}] * (i % 3) for i in range(n)]),
        }
    )


def write_arrow(folder, table):
    rows = rows_of(table)
    views = [f.name for f in table.schema if f.name in ("string_view", "binary_view", "list_view", "runs")]
    for name, codec in {"types.arrow": None, "types_lz4.arrow": "lz4", "types_zstd.arrow": "zstd"}.items():
        some = table.drop(views) if codec else table
        path = os.path.join(folder, name)
        with pa.OSFile(path, "wb") as f, pa.ipc.new_file(f, some.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as w:
            w.write_table(some, max_chunksize=2)
        expect(path, [{k: v for k, v in row.items() if k in some.column_names} for row in rows])
    path = os.path.join(folder, "types.arrows")
    with pa.OSFile(path, "wb") as f, pa.ipc.new_stream(f, table.schema) as w:
        w.write_table(table, max_chunksize=1)
    expect(path, rows)


def write_parquet(folder, table, name, **options):
    path = os.path.join(folder, name + ".parquet")
    pq.write_table(table, path, **options)
    expect(path, rows_of(table))


def write_all_parquet(folder, types, rows):
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        write_parquet(folder, rows, "many_" + codec, compression=codec, row_group_size=70, data_page_size=200, write_batch_size=16)
    for version in ["1.0", "2.0"]:
        for dictionary in [True, False]:
            name = f"types_v{version[0]}_{'dictionary' if dictionary else 'plain'}"
            write_parquet(folder, types, name, data_page_version=version, use_dictionary=dictionary, row_group_size=2)
            name = name.replace("types", "many")
            write_parquet(folder, rows, name, data_page_version=version, use_dictionary=dictionary, row_group_size=90, data_page_size=300, write_batch_size=16, write_page_index=dictionary)
    encodings = {"q": "DELTA_LENGTH_BYTE_ARRAY", "n": "DELTA_BINARY_PACKED", "tags.list.element": "DELTA_BYTE_ARRAY"}
    write_parquet(folder, rows, "many_delta", use_dictionary=False, column_encoding=encodings)
    write_parquet(folder, rows.select(["n"]).cast(pa.schema([("n", pa.float64())])), "split", use_dictionary=False, column_encoding={"n": "BYTE_STREAM_SPLIT"})
    write_parquet(folder, pa.table({"t": pa.array([dt.datetime(2024, 2, 29, 1, 2, 3, 4), None], pa.timestamp("ns"))}), "int96", use_deprecated_int96_timestamps=True)
    write_parquet(folder, rows.slice(0, 0), "empty")
    frame = rows.slice(0, 50).to_pandas()
    frame["c"] = pd.Categorical(["x", "y"] * 25)
    path = os.path.join(folder, "pandas.parquet")
    frame.to_parquet(path)
    expect(path, rows_of(pq.read_table(path)))
    frame.set_index("n").to_parquet(path := os.path.join(folder, "pandas_index.parquet"))
    expect(path, rows_of(pq.read_table(path)))


def write_text(folder, rows):
    frame = pd.DataFrame({"q": rows["q"].to_pylist(), "n": rows["n"].to_pylist()})
    frame["q"] = frame["q"].str.replace("9", ',"\n9')
    frame["x"] = [i / 4 if i % 3 else None for i in range(len(frame))]
    frame["b"] = [i % 2 == 0 for i in range(len(frame))]
    records = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in frame.to_dict("records")]
    for ending in ["", ".gz", ".zst"]:
        for name, write in {
            "a.csv": lambda path: frame.to_csv(path, index=False),
            "index.csv": lambda path: frame.to_csv(path),
            "a.tsv": lambda path: frame.to_csv(path, index=False, sep="\t", lineterminator="\r\n"),
            "a.jsonl": lambda path: frame.to_json(path, orient="records", lines=True),
            "a.json": lambda path: frame.to_json(path, orient="records", force_ascii=False),
            "indent.json": lambda path: frame.to_json(path, orient="records", indent=2),
            "columns.json": lambda path: frame.to_json(path, orient="columns"),
            "by_index.json": lambda path: frame.to_json(path, orient="index"),
            "split.json": lambda path: frame.to_json(path, orient="split"),
            "table.json": lambda path: frame.to_json(path, orient="table", index=False),
        }.items():
            path = os.path.join(folder, name + ending)
            write(path.removesuffix(".zst"))
            if ending == ".zst":
                with open(path.removesuffix(".zst"), "rb") as plain_file, pa.CompressedOutputStream(path, "zstd") as out:
                    out.write(plain_file.read())
            found = [{"Unnamed: 0": i, **row} for i, row in enumerate(records)] if name == "index.csv" else records
            expect(path, found)


def write_datasets(folder, rows):
    import datasets

    names = ["neg", "neutral", "pos"]
    data = datasets.Dataset.from_dict(
        {
            "q": rows["q"].to_pylist(),
            "label": [i % 3 if i % 4 else -1 for i in range(len(rows))],
            "labels": [[i % 3, 0] for i in range(len(rows))],
            "m": rows["m"].to_pylist(),
            "tools": [json.dumps([{"b": 1, "a": [None, 2.5]}]) if i % 2 else None for i in range(len(rows))],
            "args": [[{"x": i}, {"y": "z"}] if i % 2 else None for i in range(len(rows))],
            "grid": [[[1, 2], [3, i]] for i in range(len(rows))],
        },
        features=datasets.Features(
            {
                "q": datasets.Value("large_string"),
                "label": datasets.ClassLabel(names=names),
                "labels": datasets.List(datasets.ClassLabel(names=names)),
                "m": datasets.List({"role": datasets.Value("string"), "content": datasets.Value("string")}),
                "tools": datasets.Json(),
                "args": datasets.List(datasets.Json()),
                "grid": datasets.Array2D((2, 2), "int32"),
            }
        ),
    )
    named = lambda n: None if n == -1 else names[n]
    found = [{**row, "label": named(row["label"]), "labels": [named(n) for n in row["labels"]]} for row in data.to_list()]
    for row in found:
        decoded = lambda v: json.loads(v) if isinstance(v, str) else v
        row["tools"] = decoded(row["tools"])
        row["args"] = row["args"] and [decoded(v) for v in row["args"]]
        row["grid"] = [list(map(int, line)) for line in row["grid"]]
    for name, shards in {"one": 1, "three": 3}.items():
        path = os.path.join(folder, name)
        data.save_to_disk(path, num_shards=shards)
        expect(path, found)
    path = os.path.join(folder, "dict")
    datasets.DatasetDict(test=data.select(range(5)), train=data).save_to_disk(path)
    expect(path, found)
    data.to_parquet(path := os.path.join(folder, "datasets.parquet"))
    expect(path, found)
    data.select_columns(["q", "m"]).to_json(path := os.path.join(folder, "datasets.jsonl"))
    expect(path, [{"q": row["q"], "m": row["m"]} for row in found])
    source = os.path.join(folder, "datasets.jsonl")
    cached = datasets.load_dataset("json", data_files={"train": source, "test": source}, cache_dir=os.path.join(folder, "downloads"))
    cached.map(lambda row: row, load_from_cache_file=False)
    path = os.path.join(folder, "cache")
    shutil.copytree(os.path.dirname(cached["train"].cache_files[0]["filename"]), path)
    shutil.rmtree(os.path.join(folder, "downloads"))
    with open(os.path.join(path, "dataset_info.json")) as f:
        info = json.load(f)
    info.pop("download_checksums", None)  # absolute paths
    with open(os.path.join(path, "dataset_info.json"), "w") as f:
        json.dump(info, f)
    expect(path, [{"q": row["q"], "m": row["m"]} for row in found])


def golden():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    types = types_table()
    write_arrow(folder, arrow_only(types))
    for version in ["1.0", "2.0"]:
        write_parquet(folder, types, "types_v" + version[0], data_page_version=version, row_group_size=2)
    for codec in ["gzip", "brotli", "zstd", "lz4"]:
        write_parquet(folder, many(60), "many_" + codec, compression=codec, row_group_size=25, data_page_size=200, write_batch_size=8)
    write_datasets(folder, many(12))
    feather.write_feather(many(12), path := os.path.join(folder, "many.feather"))
    expect(path, rows_of(many(12)))
    with open(os.path.join(folder, "VERSIONS"), "w") as out:
        import datasets

        out.write(f"pyarrow {pa.__version__}, pandas {pd.__version__}, datasets {datasets.__version__}\n")


def main():
    if sys.argv[1] == "--golden":
        return golden()
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    types = types_table()
    rows = many(300)
    write_arrow(folder, arrow_only(types))
    feather.write_feather(rows, path := os.path.join(folder, "many.feather"), chunksize=64)
    expect(path, rows_of(rows))
    write_all_parquet(folder, types, rows)
    write_text(folder, rows)
    write_datasets(folder, rows)


main()
