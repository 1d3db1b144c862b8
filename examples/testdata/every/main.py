"""Every operation, input, type of parameter and field that the package has; the
test beside it holds it to the same plugin in Go."""

from math import inf

from llmhost_plugin import (CLASS_HEAD, Candidate, Chat, Column, Drop, Example, Formatter, Loss, Metric, Objective, Output, Plugin, Pooling, State, Task, Term,
                            maximum, message, messages, minimum, ones_like, param, serve, where, zeros_like)


class Parameters:
    ratio = param(0.5, min=0, max=1, doc="a share")
    steps = param(3, min=1, doc="a number")
    flag = param(True, doc="a flag")
    mode = param("a", choices=["a", "b"], doc="a choice")
    note = param("x", values=["y", "z"], aliases=["remark"], doc="a text")


class EveryLoss(Parameters, Loss):
    name, doc = "every", "a loss"

    def trace(self, g):
        p, real, c = g.logps, g.candidate_mask, g.column("score", role="score", values=[1, 0.1, -1])
        q = p.sum(-1)
        total = q.sum()

        def keep(x):
            nonlocal total
            total = total + x.float().sum()

        keep(g.ref_logps), keep(g.rewards), keep(g.reverse_kl), keep(g.forward_kl), keep(g.vocab_mean_logps)
        keep(g.mismatched_logps), keep(g.mismatched_ref_logps), keep(g.state("level"))
        keep(g.label_mask), keep(g.example_column("weight", role="weight", values=[1, 0.5], range=(0, 2)))
        keep(q + c), keep(q - c), keep(q * c), keep(q / c), keep(q ** c)
        keep(minimum(q, c)), keep(maximum(q, c))
        keep(q + self.ratio), keep(q - 2), keep(q * self.steps), keep(q / 4), keep(q ** 0.5)
        keep(-q), keep(abs(q)), keep(q.exp()), keep(q.log()), keep(q.expm1()), keep(q.log1p()), keep(q.sqrt()), keep(q.square())
        keep(q.relu()), keep(q.sigmoid()), keep(q.logsigmoid()), keep(q.clamp(min=-1)), keep(q.clamp(max=1))
        keep(q == c), keep(q != c), keep(q < c), keep(q <= c), keep(q > c), keep(q >= c)
        keep(q == 0), keep(q != 0), keep(q < 0), keep(q <= 0), keep(q > 0), keep(q >= 0)
        keep(q.mean(-1)), keep(q.amax(0)), keep(q.amin(1)), keep(real.any(-1)), keep(real.all(-1)), keep(q.mean())
        keep(q.logsumexp(-1)), keep(q.cumsum(1)), keep(q.argmin(-1))
        keep(q.unsqueeze(0).squeeze(0)), keep(q.expand(2, "B", "K")), keep(q.gather(1, q.argmax(-1).unsqueeze(1)))
        keep(g.logits("topic").index_select(0, g.label("topic")))
        keep(where(real, q, c)), keep(q.where(real, 0)), keep(q.masked_fill(real, -inf))
        if self.flag:
            keep(real & (real | ~real))
        if self.mode == "b":
            keep(q.long())
        keep(q.bool()), keep(q.detach()), keep(zeros_like(q)), keep(ones_like(q))
        n, mean = g.count("B"), q.sum()
        step = mean.global_mean(n)
        level = g.state("level") * self.ratio + step
        return Objective([Term("every", total, n, 0.5), Term("plain", mean)], [Metric("mean", mean, n), Metric("exp", mean, n, exp=True)],
                         [State("level", self.ratio, level), State("last", -0.1, step)],
                         allow={"detach": 'a "constant" é', "twice": "steps are " + str(self.steps)})


class EveryPooling(Pooling):
    name, doc = "every", "a pooling"
    pools_last_token = True
    allow = {"empty": "none is"}

    def trace(self, g):
        states, row = g.hidden.index_select(0, g.token), g.sequence
        total = states.segment_sum(row, "N")
        both = total + states.segment_max(row, "N")
        ends = (g.ids == g.eos_token_id).float().segment_sum(row, "N")
        count = row.segment_count("N") + ends
        return both / count.unsqueeze(1)


class EveryFormatter(Parameters, Formatter):
    name, doc = "every", "a formatter"
    columns = (
        Column("a", required=True, doc="a text", examples=["hello", 'a "b"\n']),
        Column("b", "float", doc="a number", role="reward", examples=[0.1, None]),
        Column("c", "bool", doc="a flag"),
        Column("d", "int", doc="a whole number"),
        Column("e", "string_list", required=True, doc="texts"),
        Column("f", "float_list", doc="numbers", role="score", examples=[[1, 2.5]]),
        Column("g", "json", doc="anything"),
    )
    allow = {"lost": "a text is"}

    @property
    def gives(self):
        return (Output("score", role="score", padding=-self.steps), Output("json"), Output("weight", "example_column", role="weight"),
                Output("topic", "label"), Output("weight", "label"))

    def format(self, row):
        if row["a"] == "drop":
            raise Drop("asked to")
        if row["a"] == "fail":
            raise ValueError("asked to")
        json = row.get("g", {})
        end = "".join(x + "/" for x in json.get("list", []))
        score = row.get("b", 0) + row.get("c", 0) + row.get("d", 0)
        numbers = row.get("f", [])
        candidates = [Candidate(row["a"] + self.mode, answer + end, score=score + (numbers[i] if i < len(numbers) else 0), json=0)
                      for i, answer in enumerate(row["e"])]
        labels = {"topic": row["e"][2], "weight": self.mode} if "b" in row else {}
        return Example(candidates, labels=labels, weight=self.ratio if "b" in row else json.get("n", 0))


class EveryChats(Formatter):
    name, doc = "chats", "a formatter of chats"
    columns = (
        Column("messages", "json", required=True, doc="a chat"),
        Column("answers", "string_list", doc="what may come next"),
        Column("tools", "json", doc="what may be called"),
        Column("name", doc="who answers"),
    )

    def format(self, row):
        given = messages(row["messages"])
        candidates = [Candidate("prompt", "answer")] if row.get("name") == "mixed" else []
        if "answers" not in row:
            candidates.append(Chat([], given, documents=[{"text": "é"}]))
        more = {"name": row["name"]} if "name" in row else {}
        for i, text in enumerate(row.get("answers", [])):
            answer = message("assistant", text, learn=(True, False, None)[min(i, 2)], **more)
            candidates.append(Chat(given, [answer], tools=row.get("tools"), args={"enable_thinking": False}, score=-i))
        return Example(candidates, labels={"topic": "several"} if len(given) > 1 else {}, weight=len(given))


plugin = Plugin("every", "1.2.3", "all there is", [EveryLoss, EveryPooling, EveryFormatter, EveryChats],
                [Task("every", "a task", formatter="every", pooling="every", loss="every", head=CLASS_HEAD,
                      defaults={"flag": False, "mode": "b", "ratio": 0.25}, aliases=["all", "each"])])

if __name__ == "__main__":
    serve(plugin)
