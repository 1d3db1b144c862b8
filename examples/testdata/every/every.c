/* Every operation, input, type of parameter and field that the helper has; the
 * test beside it holds it to the same plugin in Go. */
#include "llmhost_plugin.h"

static lh_t total;

static void keep(lh_t x) { total = lh_add(total, lh_sum_all(lh_to_f32(x))); }

static void arithmetic(lh_t q, lh_t c) {
    keep(lh_add(q, c)), keep(lh_sub(q, c)), keep(lh_mul(q, c)), keep(lh_div(q, c)), keep(lh_pow(q, c));
    keep(lh_minimum(q, c)), keep(lh_maximum(q, c));
    keep(lh_add(q, lh_number("ratio"))), keep(lh_sub(q, 2)), keep(lh_mul(q, lh_number("steps"))), keep(lh_div(q, 4)), keep(lh_pow(q, 0.5));
    keep(lh_neg(q)), keep(lh_abs(q)), keep(lh_exp(q)), keep(lh_log(q)), keep(lh_expm1(q)), keep(lh_log1p(q));
    keep(lh_sqrt(q)), keep(lh_square(q)), keep(lh_relu(q)), keep(lh_sigmoid(q)), keep(lh_logsigmoid(q)), keep(lh_clamp_min(q, -1)), keep(lh_clamp_max(q, 1));
}

static void comparisons(lh_t q, lh_t c) {
    keep(lh_eq(q, c)), keep(lh_ne(q, c)), keep(lh_lt(q, c)), keep(lh_le(q, c)), keep(lh_gt(q, c)), keep(lh_ge(q, c));
    keep(lh_eq(q, 0)), keep(lh_ne(q, 0)), keep(lh_lt(q, 0)), keep(lh_le(q, 0)), keep(lh_gt(q, 0)), keep(lh_ge(q, 0));
}

static void shapes(lh_t q, lh_t c, lh_t real) {
    lh_t logits = lh_logits("topic");
    keep(lh_mean(q, -1)), keep(lh_amax(q, 0)), keep(lh_amin(q, 1)), keep(lh_any(real, -1)), keep(lh_all(real, -1)), keep(lh_mean_all(q));
    keep(lh_logsumexp(q, -1)), keep(lh_cumsum(q, 1)), keep(lh_argmin(q, -1));
    lh_t one = lh_unsqueeze(q, 0);
    keep(lh_squeeze(one, 0)), keep(lh_expand(q, "2,B,K"));
    keep(lh_gather(q, 1, lh_unsqueeze(lh_argmax(q, -1), 1))), keep(lh_index_select(logits, 0, lh_label("topic")));
    keep(lh_where(q, real, c)), keep(lh_where(q, real, 0)), keep(lh_masked_fill(q, real, -LH_INF));
}

static void loss(void) {
    lh_t p = lh_logps(), real = lh_real(), c = lh_values(lh_role(lh_column("score"), LH_SCORE), 1, 0.1, -1);
    lh_t q = lh_sum(p, -1);
    total = lh_sum_all(q);
    keep(lh_ref_logps()), keep(lh_rewards()), keep(lh_reverse_kl()), keep(lh_forward_kl()), keep(lh_vocab_mean_logps());
    keep(lh_mismatched_logps()), keep(lh_mismatched_ref_logps()), keep(lh_state("level"));
    keep(lh_label_mask()), keep(lh_range(lh_values(lh_role(lh_example_column("weight"), LH_WEIGHT), 1, 0.5), 0, 2));
    arithmetic(q, c), comparisons(q, c), shapes(q, c, real);
    if (lh_flag("flag")) keep(lh_and(real, lh_or(real, lh_not(real))));
    if (lh_is("mode", "b")) keep(lh_to_i64(q));
    keep(lh_to_bool(q)), keep(lh_detach(q)), keep(lh_zeros_like(q)), keep(lh_ones_like(q));
    lh_t n = lh_count("B"), mean = lh_sum_all(q);
    lh_t step = lh_global_mean(mean, n);
    lh_state_update("level", lh_number("ratio"), lh_add(lh_mul(lh_state("level"), lh_number("ratio")), step));
    lh_state_update("last", -0.1, step);
    lh_term("every", total, n, 0.5), lh_term("plain", mean, LH_PLAIN, 1);
    lh_metric("mean", mean, n), lh_exp_metric("exp", mean, n);
    lh_buffer steps = {0};
    lh_puts(&steps, "steps are "), lh_put_number(&steps, lh_number("steps")), lh_byte(&steps, 0);
    lh_allow("detach", "a \"constant\" é"), lh_allow("twice", steps.at);
}

static void pooling(void) {
    lh_t states = lh_index_select(lh_hidden(), 0, lh_token()), row = lh_sequence();
    lh_t sum = lh_segment_sum(states, row, "N");
    lh_t both = lh_add(sum, lh_segment_max(states, row, "N"));
    lh_t ends = lh_segment_sum(lh_to_f32(lh_eq(lh_ids(), lh_eos())), row, "N");
    lh_t count = lh_add(lh_segment_count(row, "N"), ends);
    lh_output(lh_div(both, lh_unsqueeze(count, 1)));
    lh_pools_last_token();
    lh_allow("empty", "none is");
}

static void format(void) {
    if (lh_equal(lh_str(0), lh_text_of("drop"))) lh_drop("asked to");
    if (lh_equal(lh_str(0), lh_text_of("fail"))) lh_bad("asked to");
    lh_json list = lh_json_get(lh_json_of(6), "list");
    for (uint32_t i = 0; i < lh_length(4); i++) {
        lh_candidate();
        lh_prompt(lh_str(0)), lh_prompt(lh_string("mode")), lh_answer(lh_str_at(4, i));
        lh_set("score", lh_float(1) + (double)lh_int(2) + (double)lh_int(3) + lh_float_at(5, i));
        lh_set("json", lh_json_number(list));
        for (lh_json x = lh_json_first(list); x.at; x = lh_json_next(x)) lh_answer(lh_json_text(x)), lh_answer("/");
    }
    if (lh_has(1)) lh_example_label("topic", lh_str_at(4, 2)), lh_example_label("weight", ""), lh_example_label("weight", lh_string("mode"));
    lh_example_set("weight", lh_has(1) ? lh_number("ratio") : lh_json_number(lh_json_get(lh_json_of(6), "n")));
}

static void declare(void) {
    lh_examples(0, "\"hello\"", "\"a \\\"b\\\"\\n\""), lh_examples(1, "0.1", "null"), lh_examples(5, "[1, 2.5]");
    lh_field_role(1, LH_REWARD), lh_field_role(5, LH_SCORE);
    lh_gives("score", LH_SCORE, -lh_number("steps")), lh_gives("json", 0, 0);
    lh_gives_example("weight", LH_WEIGHT), lh_gives_label("topic"), lh_gives_label("weight");
    lh_allow("lost", "a text is");
}

static void chats(void) {
    lh_json given = lh_json_of(0);
    int count = 0;
    if (lh_json_type(given) != '[') lh_bad("the messages are no list");
    for (lh_json m = lh_json_first(given); m.at; m = lh_json_next(m)) count++;
    if (lh_equal(lh_str(3), lh_text_of("mixed"))) lh_candidate(), lh_prompt("prompt"), lh_answer("answer");
    if (!lh_has(1)) {
        lh_chat();
        for (lh_json m = lh_json_first(given); m.at; m = lh_json_next(m)) lh_answer_json(m);
        lh_documents("[{\"text\": \"é\"}]");
    }
    for (uint32_t i = 0; lh_has(1) && i < lh_length(1); i++) {
        lh_chat();
        for (lh_json m = lh_json_first(given); m.at; m = lh_json_next(m)) lh_prompt_json(m);
        lh_answer_message("assistant", lh_str_at(1, i));
        if (lh_has(3)) lh_with_text("name", lh_str(3));
        lh_learn(i == 0 ? LH_LEARN_YES : i == 1 ? LH_LEARN_NO : LH_LEARN_DEFAULT);
        if (lh_has(2)) lh_tools(lh_str(2));
        lh_args("{\"enable_thinking\": false}");
        lh_set("score", -(double)i);
    }
    if (count > 1) lh_example_label("topic", "several");
    lh_example_set("weight", count);
}

#define PARAMS                                                                                                                           \
    LH_PARAMS(LH_FLOAT("ratio", 0.5, "a share", LH_MIN(0), LH_MAX(1)), LH_INT("steps", 3, "a number", LH_MIN(1)), LH_BOOL("flag", 1, "a flag"), \
              LH_STRING("mode", "a", "a choice", LH_CHOICES("a|b")), LH_STRING("note", "x", "a text", LH_TAKES("y|z"), LH_ALIASES("remark")))

const lh_plugin llmhost_plugin = {
    .name = "every", .version = "1.2.3", .doc = "all there is",
    .components = LH_COMPONENTS({.kind = LH_LOSS, .name = "every", .doc = "a loss", .params = PARAMS, .trace = loss},
                                {.kind = LH_POOLING, .name = "every", .doc = "a pooling", .trace = pooling},
                                {.kind = LH_FORMATTER, .name = "every", .doc = "a formatter", .params = PARAMS, .format = format, .declare = declare,
                                 .fields = LH_FIELDS({"a", LH_IS_STRING, 1, "a text"}, {"b", LH_IS_FLOAT, 0, "a number"}, {"c", LH_IS_BOOL, 0, "a flag"},
                                                     {"d", LH_IS_INT, 0, "a whole number"}, {"e", LH_IS_STRING_LIST, 1, "texts"},
                                                     {"f", LH_IS_FLOAT_LIST, 0, "numbers"}, {"g", LH_IS_JSON, 0, "anything"})},
                                {.kind = LH_FORMATTER, .name = "chats", .doc = "a formatter of chats", .format = chats,
                                 .fields = LH_FIELDS({"messages", LH_IS_JSON, 1, "a chat"}, {"answers", LH_IS_STRING_LIST, 0, "what may come next"},
                                                     {"tools", LH_IS_JSON, 0, "what may be called"}, {"name", LH_IS_STRING, 0, "who answers"})}),
    .tasks = LH_TASKS({.name = "every", .doc = "a task", .formatter = "every", .pooling = "every", .loss = "every", .head = LH_CLASS_HEAD, .aliases = "all|each",
                       .defaults = "{\"flag\":false,\"mode\":\"b\",\"ratio\":0.25}"}),
};
