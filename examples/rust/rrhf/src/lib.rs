//! The ranking loss RRHF (Yuan et al. 2023, arXiv:2304.05302, eq. 2 to 4) in Rust.
//!
//! It gives the same program, byte for byte, as builtin/rrhf of llmhost, which
//! says more on the formula.

use llmhost_plugin::*;

params! {
    /// Candidates that people scored higher should be more likely, and the best one is learned.
    pub struct Rrhf {
        /// weight of the ranking term
        rrhf_weight: f64 = 1.0, min = 0.0;
        /// power of the length that divides a candidate's log-probability
        length_penalty: f64 = 1.0, min = 0.0;
        /// mean over prompts and over the best answer's tokens, or the paper's sums
        rrhf_reduction: String = "mean", choices = ["mean", "paper_sum"];
    }
}

impl Loss for Rrhf {
    /// Shapes: logps, mask [B, K, T]; score, real [B, K].
    fn trace<'g>(&self, g: &'g Graph) -> Objective<'g> {
        let (score, real) = (g.column("score").role(Role::Score).values(&[2.0, 1.0, 0.5, 0.0, -1.0]), g.real());
        let sum = g.logps().sum(-1);
        let length = g.label_mask().sum(-1).clamp_min(1.0);
        let p = sum / length.pow(self.length_penalty);

        let both = real.unsqueeze(2) & real.unsqueeze(1);
        let better = score.unsqueeze(2).gt(score.unsqueeze(1)) & both; // [B, K, K]: i is better than j
        let gap = p.unsqueeze(2) - p.unsqueeze(1); // p_i − p_j

        let real_score = score.masked_fill(!real, f64::NEG_INFINITY);
        let best = real_score.argmax(-1).unsqueeze(-1); // [B, 1]
        let mut tune = -sum;
        let mut prompts = Some(g.count("B"));
        if self.rrhf_reduction == "paper_sum" {
            prompts = None; // plain sums
        } else {
            tune = tune / length;
        }
        let rank = (-gap).relu().where_(better, 0.0).sum(ALL);
        let objective = Objective::new()
            .term("rank", rank, prompts, self.rrhf_weight)
            .term("tune", tune.gather(1, best).sum(ALL), prompts, 1.0);
        metrics(objective, p, gap, real_score, better, real)
    }
}

/// How well the model's order agrees with the data's, over ordered pairs or prompts that have one.
fn metrics<'g>(o: Objective<'g>, p: Tensor<'g>, gap: Tensor<'g>, real_score: Tensor<'g>, better: Tensor<'g>, real: Tensor<'g>) -> Objective<'g> {
    let pairs = better.sum(ALL);
    let chosen = p.masked_fill(!real, f64::NEG_INFINITY).argmax(-1).unsqueeze(-1);
    let hit = real_score.gather(1, chosen).squeeze(-1).ge(real_score.amax(-1)); // [B]
    let ordered = better.any([1, 2]);
    o.metric("rank_accuracy", (gap.gt(0.0) & better).sum(ALL), pairs)
        .metric("rank_margin", gap.where_(better, 0.0).sum(ALL), pairs)
        .metric("best_of_k_accuracy", (hit & ordered).sum(ALL), ordered.sum(ALL))
}

fn plugin() -> Plugin {
    Plugin::new("rrhf", "1.0.0", "ranking loss over scored candidates (RRHF)")
        .loss::<Rrhf>("rrhf", "rank hinge over candidates plus likelihood of the best one")
        .task(Task::new("rrhf", "align a model with scored candidates by ranking").formatter("builtin:preference").loss("rrhf"))
}

export!(plugin);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_choose_the_program() {
        let mut server = Server::new(plugin());
        let mean = server.program("rrhf", "{}").unwrap();
        let sums = server.program("rrhf", r#"{"rrhf_reduction":"paper_sum","rrhf_weight":0.1}"#).unwrap();
        assert!(mean.contains(r#"{"name":"rank","sum":29,"count":24,"coefficient":1}"#), "{mean}");
        assert!(sums.contains(r#"{"name":"rank","sum":28,"coefficient":0.1}"#), "{sums}");
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let error = Server::new(plugin()).program("rrhf", r#"{"rrhf_weight":-1}"#).unwrap_err();
        assert_eq!(error, r#"{"code":"invalid_config","message":"rrhf_weight is -1; want a number of at least 0","field":"rrhf_weight"}"#);
    }
}
