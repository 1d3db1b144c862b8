// The ranking loss RRHF (Yuan et al. 2023, arXiv:2304.05302, eq. 2 to 4) in
// AssemblyScript.
//
// It gives the same program, byte for byte, as builtin/rrhf of llmhost, which
// says more on the formula.

import { Component, float, Graph, Loss, Objective, Param, Plugin, register, SCORE_ROLE, Task, Tensor, text } from "./llmhost";

class RRHF extends Loss {
  weight: Param = float("rrhf_weight", 1, "weight of the ranking term").min(0);
  penalty: Param = float("length_penalty", 1, "power of the length that divides a candidate's log-probability").min(0);
  reduction: Param = text("rrhf_reduction", "mean", "mean over prompts and over the best answer's tokens, or the paper's sums").oneOf(["mean", "paper_sum"]);

  /** Shapes: logps, mask [B, K, T]; score, real [B, K]. */
  trace(g: Graph): Objective {
    const score = g.column("score").role(SCORE_ROLE).values([2, 1, 0.5, 0, -1]), real = g.real();
    const sum = g.logps().sum(-1);
    const length = g.labelMask().sum(-1).clampMin(1);
    const p = sum / length.pow(this.penalty.number);

    const both = real.unsqueeze(2) & real.unsqueeze(1);
    const better = (score.unsqueeze(2) > score.unsqueeze(1)) & both; // [B, K, K]: i is better than j
    const gap = p.unsqueeze(2) - p.unsqueeze(1); // p_i − p_j

    const realScore = score.maskedFill(real.not(), -Infinity);
    const best = realScore.argmax(-1).unsqueeze(-1); // [B, 1]
    let tune = -sum;
    let prompts: Tensor | null = g.count("B");
    if (this.reduction.text == "paper_sum") {
      prompts = null; // plain sums
    } else {
      tune = tune / length;
    }
    const o = new Objective();
    o.term("rank", (-gap).relu().where(better, 0).sum(), prompts, this.weight.number);
    o.term("tune", tune.gather(1, best).sum(), prompts);
    return metrics(o, p, gap, realScore, better, real);
  }
}

/** How well the model's order agrees with the data's, over ordered pairs or prompts that have one. */
function metrics(o: Objective, p: Tensor, gap: Tensor, realScore: Tensor, better: Tensor, real: Tensor): Objective {
  const pairs = better.sum();
  const chosen = p.maskedFill(real.not(), -Infinity).argmax(-1).unsqueeze(-1);
  const hit = realScore.gather(1, chosen).squeeze(-1) >= realScore.amax(-1); // [B]
  const ordered = better.any(2).any(1);
  o.metric("rank_accuracy", (gap.gtScalar(0) & better).sum(), pairs);
  o.metric("rank_margin", gap.where(better, 0).sum(), pairs);
  o.metric("best_of_k_accuracy", (hit & ordered).sum(), ordered.sum());
  return o;
}

register(new Plugin("rrhf", "1.0.0", "ranking loss over scored candidates (RRHF)",
  [new Component("loss", "rrhf", "rank hinge over candidates plus likelihood of the best one", () => new RRHF())],
  [new Task("rrhf", "align a model with scored candidates by ranking", "builtin:preference", "rrhf")]));

export * from "./llmhost/exports";
