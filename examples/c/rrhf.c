/* The ranking loss RRHF (Yuan et al. 2023, arXiv:2304.05302, eq. 2 to 4) in C.
 *
 * It gives the same program, byte for byte, as builtin/rrhf of llmhost, which
 * says more on the formula. */
#include "llmhost_plugin.h"

/* How well the model's order agrees with the data's, over ordered pairs or
 * prompts that have one. */
static void metrics(lh_t p, lh_t gap, lh_t real_score, lh_t better, lh_t real) {
    lh_t pairs = lh_sum_all(better);
    lh_t chosen = lh_unsqueeze(lh_argmax(lh_masked_fill(p, lh_not(real), -LH_INF), -1), -1);
    lh_t found = lh_squeeze(lh_gather(real_score, 1, chosen), -1);
    lh_t hit = lh_ge(found, lh_amax(real_score, -1)); /* [B] */
    lh_t ordered = lh_any(lh_any(better, 2), 1);
    lh_metric("rank_accuracy", lh_sum_all(lh_and(lh_gt(gap, 0), better)), pairs);
    lh_metric("rank_margin", lh_sum_all(lh_where(gap, better, 0)), pairs);
    lh_t hits = lh_sum_all(lh_and(hit, ordered));
    lh_metric("best_of_k_accuracy", hits, lh_sum_all(ordered));
}

/* Shapes: logps, mask [B, K, T]; score, real [B, K]. */
static void trace(void) {
    lh_t score = lh_values(lh_role(lh_column("score"), LH_SCORE), 2, 1, 0.5, 0, -1), real = lh_real();
    lh_t sum = lh_sum(lh_logps(), -1);
    lh_t length = lh_clamp_min(lh_sum(lh_label_mask(), -1), 1);
    lh_t p = lh_div(sum, lh_pow(length, lh_number("length_penalty")));

    lh_t real_i = lh_unsqueeze(real, 2), both = lh_and(real_i, lh_unsqueeze(real, 1));
    lh_t score_i = lh_unsqueeze(score, 2), above = lh_gt(score_i, lh_unsqueeze(score, 1));
    lh_t better = lh_and(above, both); /* [B, K, K]: i is better than j */
    lh_t p_i = lh_unsqueeze(p, 2), gap = lh_sub(p_i, lh_unsqueeze(p, 1));

    lh_t real_score = lh_masked_fill(score, lh_not(real), -LH_INF);
    lh_t best = lh_unsqueeze(lh_argmax(real_score, -1), -1); /* [B, 1] */
    lh_t tune = lh_neg(sum), prompts = lh_count("B");
    if (lh_is("rrhf_reduction", "paper_sum")) {
        prompts = LH_PLAIN;
    } else {
        tune = lh_div(tune, length);
    }
    lh_term("rank", lh_sum_all(lh_where(lh_relu(lh_neg(gap)), better, 0)), prompts, lh_number("rrhf_weight"));
    lh_term("tune", lh_sum_all(lh_gather(tune, 1, best)), prompts, 1);
    metrics(p, gap, real_score, better, real);
}

const lh_plugin llmhost_plugin = {
    .name = "rrhf",
    .version = "1.0.0",
    .doc = "ranking loss over scored candidates (RRHF)",
    .components = LH_COMPONENTS({
        .kind = LH_LOSS,
        .name = "rrhf",
        .doc = "rank hinge over candidates plus likelihood of the best one",
        .params = LH_PARAMS(
            LH_FLOAT("rrhf_weight", 1, "weight of the ranking term", LH_MIN(0)),
            LH_FLOAT("length_penalty", 1, "power of the length that divides a candidate's log-probability", LH_MIN(0)),
            LH_STRING("rrhf_reduction", "mean", "mean over prompts and over the best answer's tokens, or the paper's sums", LH_CHOICES("mean|paper_sum"))),
        .trace = trace,
    }),
    .tasks = LH_TASKS({
        .name = "rrhf",
        .doc = "align a model with scored candidates by ranking",
        .formatter = "builtin:preference",
        .loss = "rrhf",
    }),
};
