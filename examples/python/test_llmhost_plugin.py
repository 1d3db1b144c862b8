"""Tests of the package and the examples; run: python3 -m unittest"""

import importlib.util
import json
import math
import os
import struct
import unittest

from llmhost_plugin import Candidate, Column, Drop, Example, Formatter, Graph, Loss, Objective, Plugin, Pooling, Server, State, Term, param, where
from llmhost_plugin.rows import read_rows, text, uvarint, write_results, format_row

HERE = os.path.dirname(os.path.abspath(__file__))


def example(name):
    """The plugin of an example's main.py."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, name, "main.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.plugin


def answer(reply):
    """The JSON of a reply that is no error."""
    assert reply[0] == 0, reply
    return json.loads(reply[1:])


class Mean(Loss):
    name, doc = "mean", "a loss"
    scale = param(2.0, min=0, max=4, doc="how much")
    times = param(1, min=1)
    kind_of = param("a", choices=["a", "b"])
    on = param(True)

    def trace(self, g):
        x = g.logps
        y = (1 - x) * self.scale + x / 2 - 2 / x.clamp(min=-5, max=-1) ** 2
        y = where(g.label_mask, y, 0.0 * y).sum((1, 2))
        return Objective([Term("x", y.sum(), g.label_mask.sum(), coefficient=0.5)])


class Average(Pooling):
    name = "average"

    def trace(self, g):
        x = g.hidden.index_select(0, g.token)
        return x.segment_sum(g.sequence, "N") / g.sequence.segment_count("N").unsqueeze(1)


class Echo(Formatter):
    name = "echo"
    columns = (Column("s", required=True), Column("f", "float"), Column("j", "json"))

    def format(self, row):
        if row["s"] == "drop":
            raise Drop("told to")
        if row["s"] == "nan":
            return [Candidate("p", "a", score=math.nan)]
        return Example([Candidate(row["s"], "a", score=1), Candidate(row["s"], "b", score=0)], weight=row.get("f", 0.5))


def ops(trace):
    return [node["op"] for node in trace["program"]["nodes"]]


class Weighed(Loss):
    name = "weighed"

    def trace(self, g):
        weight = g.example_column("weight", role="weight", values=[1, 0.5], range=(0, 2))
        return Objective([Term("x", (g.logps.sum((1, 2)) * weight).sum())], allow={"detach": "eq. 5"})


class Tracing(unittest.TestCase):
    def setUp(self):
        self.server = Server(Plugin("test", "1", "", [Mean, Average, Echo]))

    def trace(self, component, **config):
        instance = answer(self.server.configure(component, json.dumps(config)))["instance"]
        return answer(self.server.trace(instance, b"{}"))

    def test_operators(self):
        trace = self.trace(0, scale=3)
        self.assertEqual(ops(trace), [
            "neg", "add_scalar", "mul_scalar", "div_scalar", "add", "clamp_min", "clamp_max", "pow_scalar", "pow_scalar", "mul_scalar",
            "sub", "mul_scalar", "where", "sum", "sum", "sum", "sum"])
        nodes = trace["program"]["nodes"]
        self.assertEqual(nodes[2], {"op": "mul_scalar", "in": [3], "attrs": {"value": 3.0}})
        self.assertEqual([node["attrs"] for node in nodes[13:]], [{"dim": 2}, {"dim": 1}, {}, {}])
        self.assertEqual(trace["program"]["terms"], [{"name": "x", "sum": 17, "count": 18, "coefficient": 0.5}])
        self.assertEqual(len(trace["locations"]), len(nodes))
        self.assertRegex(trace["locations"][0], r"^python/test_llmhost_plugin\.py:\d+$")

    def test_declarations_stand_beside_the_program(self):
        server = Server(Plugin("p", "1", "", [Weighed]))
        answer(server.configure(0, b"{}"))
        reply = answer(server.trace(1, b"{}"))
        self.assertEqual(reply["columns"], [{"input": "example_column.weight", "role": "weight", "values": [1, 0.5], "min": 0, "max": 2}])
        self.assertEqual(reply["allow"], {"detach": "eq. 5"})
        self.assertNotIn("weight", json.dumps(reply["program"]["nodes"]))

    def test_a_column_has_one_role(self):
        g = Graph("loss")
        g.column("score", role="score")
        for role, what in (("mask", "has the role score elsewhere"), ("skore", "want one of score, weight, reward, mask")):
            with self.assertRaisesRegex(Exception, what):
                g.column("score", role=role)

    def test_pooling(self):
        program = self.trace(1)["program"]
        self.assertEqual(program["kind"], "pooling")
        self.assertEqual([i["name"] for i in program["inputs"]], ["hidden", "token", "sequence"])
        self.assertEqual(program["output"], 3 + 4)

    def test_states(self):
        class Following(Loss):
            name = "following"
            start = param(0.1)

            def trace(self, g):
                level, total, count = g.state("level"), g.rewards.sum(), g.count("B")
                mean = total.global_mean(count)
                return Objective([Term("x", total - level)], states=[State("level", self.start, level * 0.5 + mean)])

        server = Server(Plugin("test", "1", "", [Following, Mean]))
        server.configure(0, "{}"), server.configure(1, "{}")
        program = answer(server.trace(1, b"{}"))["program"]
        self.assertEqual([(i["name"], i["shape"]) for i in program["inputs"]], [("state.level", []), ("rewards", ["B", "K"])])
        self.assertEqual(list(program)[-3:], ["terms", "metrics", "states"])
        self.assertEqual(program["nodes"][2], {"op": "global_mean", "in": [2, 3], "attrs": {}})
        self.assertEqual(program["states"], [{"name": "level", "initial": 0.1, "update": 7}])
        self.assertNotIn("states", answer(server.trace(2, b"{}"))["program"])

    def test_infinities(self):
        g = Graph("loss")
        g.logps.masked_fill(g.label_mask, -math.inf)
        self.assertEqual(g.values[-1][1]["attrs"], {"value": "-inf"})

    def test_descriptor(self):
        component = answer(self.server.describe())["components"][0]
        self.assertEqual(component["params"], [
            {"name": "scale", "type": "float", "default": 2.0, "min": 0, "max": 4, "doc": "how much"},
            {"name": "times", "type": "int", "default": 1, "min": 1, "doc": ""},
            {"name": "kind_of", "type": "string", "default": "a", "choices": ["a", "b"], "doc": ""},
            {"name": "on", "type": "bool", "default": True, "doc": ""}])

    def test_configuration(self):
        for config, message in [
            ({"scale": 5.0}, "scale is 5.0; want a float of at least 0 and at most 4"),
            ({"times": 0.5}, "times is 0.5; want a int of at least 1"),
            ({"kind_of": "c"}, "kind_of is 'c'; want one of a, b"),
            ({"nothing": 1}, "nothing is no parameter of loss mean"),
        ]:
            reply = self.server.configure(0, json.dumps(config))
            self.assertEqual(reply[0], 1)
            self.assertEqual(json.loads(reply[1:]), {"code": "invalid_config", "message": message, "field": next(iter(config))})

    def test_mistakes(self):
        class Wrong(Loss):
            name = "wrong"

            def trace(self, g):
                return Objective([Term("x", g.input("nothing"))])

        server = Server(Plugin("test", "1", "", [Wrong]))
        server.configure(0, "{}")
        reply = server.trace(1, b"{}")
        self.assertEqual(json.loads(reply[1:])["code"], "trace")
        self.assertIn("no input is called nothing; a loss has policy.logps", json.loads(reply[1:])["message"])
        self.assertEqual(json.loads(server.trace(7, b"{}")[1:])["message"], "LookupError: nothing is configured under handle 7")

    def test_missing_names(self):
        x = Graph("loss").logps
        for owner, name, want in [
            (x, "exponent", "a tensor has no exponent; did you mean exp?"),
            (x, "logsumexp_", "a tensor has no logsumexp_; did you mean logsumexp?"),
            (x, "max", "a tensor has no max; did you mean amax?"),
            (x, "clip", "a tensor has no clip; did you mean clamp?"),
            (x, "log_softmax", "a tensor has no log_softmax; did you mean logsumexp?"),
            (Graph("loss"), "logp", "the graph g has no logp; did you mean logps?"),
            (Graph("pooling"), "hiden", "the graph g has no hiden; did you mean hidden?"),
            (Mean(), "scal", "loss mean has no scal; did you mean scale?"),
        ]:
            with self.assertRaises(AttributeError) as raised:
                getattr(owner, name)
            self.assertEqual(str(raised.exception), want)
            self.assertFalse(hasattr(owner, name))
        with self.assertRaisesRegex(AttributeError, "^a tensor has no qqqq; there are abs, add, all, "):
            x.qqqq

        class Misspelt(Loss):
            name = "misspelt"

            def trace(self, g):
                return Objective([Term("x", g.logps.logsigmoi().sum())])

        server = Server(Plugin("p", "1", "", [Misspelt]))
        server.configure(0, b"{}")
        said = server.trace(1, b"{}")[1:].decode()
        self.assertRegex(json.loads(said)["message"], r"test_llmhost_plugin.py:\d+: a tensor has no logsigmoi; did you mean logsigmoid\?$")

    def test_readme(self):
        with open(os.path.join(HERE, "README.md"), encoding="utf-8") as f:
            code = f.read().split("```python\n")[1].split("```")[0]
        module = {"__name__": "readme"}
        exec(code, module)
        server = Server(Plugin("test", "1", "", [module["Hinge"]]))
        server.configure(0, '{"margin": 0.25}')
        self.assertIn({"op": "add_scalar", "in": [18], "attrs": {"value": 0.25}}, answer(server.trace(1, b"{}"))["program"]["nodes"])

    def test_rrhf(self):
        server = Server(example("rrhf"))
        server.configure(0, json.dumps({"rrhf_weight": 0.1, "length_penalty": 0, "rrhf_reduction": "paper_sum"}))
        program = answer(server.trace(1, b"{}"))["program"]
        self.assertEqual([t["name"] for t in program["terms"]], ["rank", "tune"])
        self.assertEqual(program["terms"][0]["coefficient"], 0.1)
        self.assertNotIn("count", program["terms"][0])


class Rows(unittest.TestCase):
    def frame(self, *rows):
        out = struct.pack("<IB", len(rows), 3)
        for cells in rows:
            for kind, data in cells:
                out += bytes([kind]) if kind == 0 else bytes([kind]) + uvarint(len(data)) + data
        return out

    def test_rows(self):
        frame = self.frame([(1, "é".encode()), (2, struct.pack("<d", 2.5)), (7, b'{"x": [1]}')], [(1, b"b"), (0, b""), (0, b"")])
        self.assertEqual(read_rows(frame, Echo.columns), [{"s": "é", "f": 2.5, "j": {"x": [1]}}, {"s": "b"}])
        for cut in range(len(frame)):
            with self.assertRaises(ValueError):
                read_rows(frame[:cut], Echo.columns)

    def test_results(self):
        rows = [{"s": "a"}, {"s": "drop"}, {"s": "nan"}, {}]
        frame = write_results([format_row(Echo(), row) for row in rows])
        want = struct.pack("<I", 4) + uvarint(2) + text("score") + text("weight")
        want += b"\0" + uvarint(1) + b"\1" + struct.pack("<d", 0.5) + uvarint(2)
        want += b"\1" + text("a") + text("a") + uvarint(1) + b"\0" + struct.pack("<d", 1)
        want += b"\0" + text("b") + uvarint(1) + b"\0" + struct.pack("<d", 0)
        mistake = f"python/test_llmhost_plugin.py:{Echo.format.__code__.co_firstlineno + 1}: KeyError: 's'"
        want += b"\1" + text("told to") + b"\2" + text("ValueError: column 'score' is nan; want a finite number") + b"\2" + text(mistake)
        self.assertEqual(frame, want)

    def test_labels(self):
        class Classes(Formatter):
            name = "classes"

            def format(self, row):
                return Example([Candidate(row["s"], "", score=1)], labels=row.get("labels"), weight=2)

        labelled = {"s": "p", "labels": {"topic": "é", "mood": ""}}
        rows = [labelled, {"s": "p"}, dict(labelled, labels={"topic": 3}), dict(labelled, labels={"topic": "\ud800"})]
        example = b"\x01\x02" + struct.pack("<d", 2) + b"\1\1" + text("p") + text("") + b"\x01\x01" + struct.pack("<d", 1)
        want = struct.pack("<I", 4) + uvarint(4) + text("mood") + text("score") + text("topic") + text("weight")
        want += b"\3\2" + b"\0" + text("") + b"\2" + text("é") + example.replace(b"\x01\x02", b"\x01\x03", 1)
        want += b"\0" + example.replace(b"\x01\x02", b"\x01\x03", 1)
        want += b"\2" + text("ValueError: the label of head 'topic' is 3; want the name of a class, a text")
        frame = write_results([format_row(Classes(), row) for row in rows])
        self.assertEqual(frame[:len(want)], want)
        self.assertRegex(frame[len(want):], rb"^\x02.UnicodeEncodeError: ")

    def test_format(self):
        server = Server(example("ranked"))
        columns = answer(server.configure(0, '{"prompt_prefix": "> "}'))["columns"]
        self.assertEqual([c["type"] for c in columns], ["string", "string_list", "float_list"])
        answers = uvarint(2) + text("a") + text("b")
        reply = server.format(1, self.frame([(1, b"q"), (5, answers), (6, struct.pack("<dd", 1, 2))]))
        self.assertIn(text("> q") + text("a"), reply)
        self.assertEqual(server.format(1, b"\1")[0], 1)


if __name__ == "__main__":
    unittest.main()
