"""The ranking loss RRHF (Yuan et al. 2023, arXiv:2304.05302, eq. 2 to 4) in Python.

It gives the same program, byte for byte, as builtin/rrhf of llmhost, which says
more on the formula.
"""

import math

from llmhost_plugin import Loss, Metric, Objective, Plugin, Task, Term, param, serve


class RRHF(Loss):
    name, doc = "rrhf", "rank hinge over candidates plus likelihood of the best one"

    rrhf_weight = param(1.0, min=0, doc="weight of the ranking term")
    length_penalty = param(1.0, min=0, doc="power of the length that divides a candidate's log-probability")
    rrhf_reduction = param("mean", choices=["mean", "paper_sum"],
                           doc="mean over prompts and over the best answer's tokens, or the paper's sums")

    def trace(self, g):
        score, real = g.column("score", role="score", values=[2, 1, 0.5, 0, -1]), g.candidate_mask  # [B, K]
        total = g.logps.sum(-1)
        length = g.label_mask.sum(-1).clamp(min=1)
        p = total / length ** self.length_penalty

        both = real.unsqueeze(2) & real.unsqueeze(1)
        better = (score.unsqueeze(2) > score.unsqueeze(1)) & both  # [B, K, K]: i is better than j
        gap = p.unsqueeze(2) - p.unsqueeze(1)  # p_i - p_j

        real_score = score.masked_fill(~real, -math.inf)
        best = real_score.argmax(-1).unsqueeze(-1)  # [B, 1]
        tune = -total
        prompts = g.count("B")
        if self.rrhf_reduction == "paper_sum":
            prompts = None  # plain sums
        else:
            tune = tune / length
        return Objective(
            terms=[
                Term("rank", (-gap).relu().where(better, 0).sum(), prompts, coefficient=self.rrhf_weight),
                Term("tune", tune.gather(1, best).sum(), prompts),
            ],
            metrics=self.metrics(p, gap, real_score, better, real),
        )

    def metrics(self, p, gap, real_score, better, real):
        """How well the model's order agrees with the data's, over ordered pairs or prompts that have one."""
        pairs = better.sum()
        chosen = p.masked_fill(~real, -math.inf).argmax(-1).unsqueeze(-1)
        hit = real_score.gather(1, chosen).squeeze(-1) >= real_score.amax(-1)  # [B]
        ordered = better.any((1, 2))
        return [
            Metric("rank_accuracy", ((gap > 0) & better).sum(), pairs),
            Metric("rank_margin", gap.where(better, 0).sum(), pairs),
            Metric("best_of_k_accuracy", (hit & ordered).sum(), ordered.sum()),
        ]


plugin = Plugin(
    "rrhf", "1.0.0", "ranking loss over scored candidates (RRHF)", [RRHF],
    [Task("rrhf", "align a model with scored candidates by ranking", formatter="builtin:preference", loss="rrhf")],
)

if __name__ == "__main__":
    serve(plugin)
