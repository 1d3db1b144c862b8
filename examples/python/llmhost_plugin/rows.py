"""Records and examples, and the frames in which they cross; sdk/frame.go of llmhost has the layout."""

import json
import math
import struct

from .chat import Chat
from .graph import blame, check_role

# The numbers of column types in a frame.
STRING, FLOAT, BOOL, INT, STRING_LIST, FLOAT_LIST, JSON = range(1, 8)
TYPES = ("string", "float", "bool", "int", "string_list", "float_list", "json")


class Column:
    """A field that a formatter reads. type is string, float, bool, int,
    string_list, float_list or json, which gives any value. role is that of a
    number, or of each number of a list: score, weight, reward or mask. examples
    are values that the field may have, None where it is absent: the first ones of
    all columns make a record together, and so do the second ones."""

    def __init__(self, name, type="string", *, required=False, doc="", role="", examples=()):
        if type not in TYPES:
            raise ValueError(f"column {name} is of type {type!r}; want one of {', '.join(TYPES)}")
        check_role(role, f"column {name}")
        self.name, self.type, self.required, self.doc = name, type, required, doc
        self.role, self.examples = role, [json.dumps(value, ensure_ascii=False) for value in examples]

    def describe(self):
        said = {"name": self.name, "type": self.type, "required": self.required, "doc": self.doc}
        if self.role:
            said["role"] = self.role
        if self.examples:
            said["examples"] = self.examples
        return said


class Form:
    """A kind of record that a formatter reads, by which llmhost recognises the records
    of a file: they have all of the fields. fields are names of columns, or pairs of a
    name and of keys that the object in that field has, or the first object of the list
    in it. chat says that its examples are chats. without are fields, of this
    formatter or any, that make a record another kind."""

    def __init__(self, name, fields, *, chat=False, without=()):
        self.name, self.chat, self.without = name, chat, list(without)
        self.fields = [(f, ()) if isinstance(f, str) else f for f in fields]

    def describe(self):
        said = {"name": self.name, "fields": [{"name": name, "keys": list(keys)} if keys else {"name": name} for name, keys in self.fields]}
        if self.chat:
            said["chat"] = True
        if self.without:
            said["without"] = self.without
        return said


class Output:
    """A column or label that a formatter gives. kind is column (one number a
    candidate), example_column or label. padding is what a column holds for a
    candidate that only fills up a batch; 0 is -100 for a score and 0 for the rest."""

    KINDS = ("column", "example_column", "label")

    def __init__(self, name, kind="column", *, role="", padding=0):
        if kind not in self.KINDS:
            raise ValueError(f"what is given as {name} is of kind {kind!r}; want one of {', '.join(self.KINDS)}")
        check_role(role, name)
        self.name, self.kind, self.role, self.padding = name, kind, role, padding

    def describe(self):
        said = {"kind": self.kind, "name": self.name}
        if self.role:
            said["role"] = self.role
        if self.padding:
            said["padding"] = self.padding
        return said


class Candidate:
    """A prompt and one answer to it, with columns of one number each. All
    candidates of an example have the same columns, and all are Chats or none is."""

    def __init__(self, prompt, answer, **columns):
        self.prompt, self.answer, self.columns = prompt, answer, columns


class Example:
    """What one record becomes: candidates, and columns for the example. labels are the
    names of its classes by classification head, as the data calls them: {"topic": "physics"}."""

    def __init__(self, candidates, *, labels=None, **columns):
        self.candidates, self.columns, self.labels = list(candidates), columns, dict(labels or {})


class Drop(Exception):
    """Raised by a formatter to leave a record out. The host counts drops by
    reason, so a reason holds nothing of the record itself."""


def decoded(data):
    """Text that is not UTF-8 still reads, so that it spoils its own row alone:
    an example made of it cannot be written, which is an error of that row."""
    return str(data, "utf-8", "surrogateescape")


class Reader:
    """Reads a frame from the front."""

    def __init__(self, frame):
        self.frame, self.at = memoryview(frame), 0

    def take(self, n):
        if n < 0 or n > len(self.frame) - self.at:
            raise ValueError("row frame: cut short")
        self.at += n
        return self.frame[self.at - n:self.at]

    def unpack(self, format):
        return struct.unpack("<" + format, self.take(struct.calcsize("<" + format)))[0]

    def uvarint(self):
        v = shift = 0
        while shift < 64:
            b = self.take(1)[0]
            v |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                return v
        raise ValueError("row frame: a number is too long")

    def text(self):
        return decoded(self.take(self.uvarint()))

    def cell(self):
        """The value of a cell, None where the record has no such field."""
        kind = self.unpack("B")
        if kind == 0:
            return None
        body = Reader(self.take(self.uvarint()))
        if kind in (STRING, JSON):
            text = decoded(body.frame)
            return json.loads(text) if kind == JSON else text
        if kind == STRING_LIST:
            return [body.text() for _ in range(body.uvarint())]
        if kind == FLOAT_LIST:
            return [v for (v,) in struct.iter_unpack("<d", body.frame)]
        if kind in (FLOAT, INT, BOOL):
            v = body.unpack({FLOAT: "d", INT: "q", BOOL: "B"}[kind])
            return bool(v) if kind == BOOL else v
        raise ValueError(f"row frame: column type {kind}")


def read_rows(frame, columns):
    """The rows of a request, as dicts of the columns that each has."""
    r = Reader(frame)
    count, width = r.unpack("I"), r.unpack("B")
    if width != len(columns):
        raise ValueError(f"row frame: {width} columns; this formatter reads {len(columns)}")
    rows = []
    for _ in range(count):
        cells = [(column.name, r.cell()) for column in columns]
        rows.append({name: v for name, v in cells if v is not None})
    if r.at != len(r.frame):
        raise ValueError("row frame: bytes after its end")
    return rows


def uvarint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def text(s):
    data = s.encode("utf-8")
    return uvarint(len(data)) + data


def check(example):
    """Raises where the host would refuse an example."""
    if not example.candidates:
        raise ValueError("the formatter made no candidate; want at least one, or Drop with a reason")
    for name, v in [item for part in [example] + example.candidates for item in part.columns.items()]:
        if not math.isfinite(v):
            raise ValueError(f"column {name!r} is {v}; want a finite number")
    for head, name in example.labels.items():
        if not isinstance(name, str):
            raise ValueError(f"the label of head {head!r} is {name!r}; want the name of a class, a text")
    for c in example.candidates:
        if set(c.columns) != set(example.candidates[0].columns):
            raise ValueError(f"one candidate has the columns {sorted(c.columns)}, the first {sorted(example.candidates[0].columns)}")
        if isinstance(c, Chat) != isinstance(example.candidates[0], Chat):
            raise ValueError("some candidates are chats, and others a prompt and an answer; want all of an example alike")


def format_row(formatter, row):
    """An Example, or ("drop" or "error", why)."""
    try:
        result = formatter.format(row)
        example = result if isinstance(result, Example) else Example(result)
        check(example)
        for s in [s for c in example.candidates for s in (c.texts() if isinstance(c, Chat) else (c.prompt, c.answer))]:
            s.encode("utf-8")
        for name in example.labels.values():
            name.encode("utf-8")
        return example
    except Drop as e:
        return "drop", str(e) or "no reason given"
    except ValueError as e:  # about the record
        return "error", f"{type(e).__name__}: {e}"
    except Exception as e:  # a mistake of the code, most likely
        return "error", blame(e)


def write_results(results):
    """The reply frame of what format_row made of each row."""
    examples = [r for r in results if isinstance(r, Example)]
    names = sorted({name for e in examples for part in [e] + e.candidates for name in part.columns} | {head for e in examples for head in e.labels})
    index = {name: uvarint(i) for i, name in enumerate(names)}

    def columns(part):
        cells = (index[name] + struct.pack("<d", part.columns[name]) for name in sorted(part.columns))
        return uvarint(len(part.columns)) + b"".join(cells)

    def answer(example):
        chats = isinstance(example.candidates[0], Chat)
        if not example.labels and not chats:
            return b"\x00"
        cells = (index[head] + text(example.labels[head]) for head in sorted(example.labels))
        return (b"\x04" if chats else b"\x03") + uvarint(len(example.labels)) + b"".join(cells)

    out = [struct.pack("<I", len(results)), uvarint(len(names)), *map(text, names)]
    for r in results:
        if not isinstance(r, Example):
            kind, why = r
            out += [b"\x01" if kind == "drop" else b"\x02", text(why.encode("utf-8", "replace").decode("utf-8"))]
            continue
        out += [answer(r), columns(r), uvarint(len(r.candidates))]
        before = None
        for c in r.candidates:
            given, said = halves(c)
            out += [b"\x00" if given == before else b"\x01" + given, said, columns(c)]
            before = given
    return b"".join(out)


def halves(candidate):
    """What is given of a candidate, and what it answers."""
    if not isinstance(candidate, Chat):
        return text(candidate.prompt), text(candidate.answer)
    return turns(candidate.prompt) + b"".join(map(text, candidate.beside)), turns(candidate.answer)


def turns(messages):
    return uvarint(len(messages)) + b"".join(bytes([learn]) + text(json) for learn, json in messages)
