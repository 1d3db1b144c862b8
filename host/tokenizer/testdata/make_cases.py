"""Writes tiny_bpe/cases.json with the Python tokenizers 0.23.3: python make_cases.py"""
import hashlib
import json
import pathlib

import tokenizers

folder = pathlib.Path(__file__).parent / "tiny_bpe"
t = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
t.no_padding()
t.no_truncation()

texts = [
    "", " ", "\n", "the", " the children were watching from the window.", "Two  spaces,\ttab\r\nand 2024 digits!",
    "naïve café: Ünïcödé ſtraße", "日本語とひらがな", "👩‍👩‍👧 family, 🇩🇪 flag", "<s>marks</s> in <pad>text<unk>", "a\u0301 e\u0301 \u00a0\u2003x",
    "def f(x):\n    return x ** 2  # square\n", "\x00\x01\x7f", "\ufffd\ufeff",
]


def case(text):
    plain, full = t.encode(text, add_special_tokens=False), t.encode(text)
    return {
        "text": text, "ids": full.ids, "ids_plain": plain.ids, "tokens": full.tokens, "offsets": full.offsets,
        "special": full.special_tokens_mask, "decoded": t.decode(full.ids, skip_special_tokens=False), "decoded_skip": t.decode(full.ids),
    }


def pair(a, b):
    e = t.encode(a, b)
    return {"a": a, "b": b, "ids": e.ids, "type_ids": e.type_ids, "special": e.special_tokens_mask}


def truncated(text, length, direction):
    t.enable_truncation(length, direction=direction)
    ids = t.encode(text).ids
    t.no_truncation()
    return {"text": text, "max_length": length, "direction": direction, "ids": ids}


def long(unit, count):
    ids = t.encode(unit * count).ids
    digest = hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()
    return {"unit": unit, "count": count, "n": len(ids), "head": ids[:16], "tail": ids[-16:], "ids_sha256": digest}


ten = "one two three four five six seven eight nine ten"
cases = {
    "made_with": f"tokenizers {tokenizers.__version__}", "vocab_size": t.get_vocab_size(),
    "cases": [case(x) for x in texts], "pairs": [pair("How are you?", "I am fine."), pair("", "x")],
    "truncation": [truncated(ten, n, d) for n in (4, 7) for d in ("right", "left")],
    "long": [long("hello world ", 500), long("The cat sat on the mat. 日本 ", 70)],
}
with open(folder / "cases.json", "w") as f:
    json.dump(cases, f, indent=None, separators=(",", ":"))
    f.write("\n")
