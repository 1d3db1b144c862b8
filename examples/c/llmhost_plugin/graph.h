/* The graph that a loss or pooling is traced into. It computes nothing: the
 * host checks every shape and type, and names the author's line where one does
 * not fit. */

#define LH_MAX_VALUES 4352 /* 4,096 nodes and 256 inputs */
#define LH_MAX_TOTALS 64

/* An input or a node, in the order in which the author made them. */
typedef struct {
    const char *op;            /* of a node */
    const char *prefix, *name; /* of an input: "column." and "score" */
    const char *dtype, *shape; /* of an input: "f32" and "B,K" */
    uint32_t from[3];
    char inputs, attr; /* attr: d axis, v number, s text, l list, 0 none */
    int axis;
    double number;
    const char *key, *text; /* of attr s and l */
    const char *file;
    int line;
} lh_node;

typedef struct {
    const char *name;
    lh_t sum, count;
    double coefficient;
    int exp;
} lh_total;

typedef struct {
    const char *name;
    double initial;
    lh_t update;
} lh_kept;

static struct {
    lh_node value[LH_MAX_VALUES];
    uint32_t values, inputs;
    lh_total term[LH_MAX_TOTALS], metric[LH_MAX_TOTALS];
    lh_kept state[LH_MAX_TOTALS];
    uint32_t terms, metrics, states;
    lh_t output;
    const char *fault; /* the first mistake */
    const char *fault_file;
    int fault_line;
} lh_graph;

static void lh_graph_clear(void) {
    lh_graph.values = lh_graph.inputs = lh_graph.terms = lh_graph.metrics = lh_graph.states = 0;
    lh_graph.output = LH_PLAIN;
    lh_graph.fault = lh_graph.fault_file = 0;
}

static void lh_fault(const char *file, int line, const char *what) {
    if (lh_graph.fault) return;
    lh_graph.fault = what;
    lh_graph.fault_file = file;
    lh_graph.fault_line = line;
}

static lh_t lh_record(lh_node node) {
    for (int i = 0; i < node.inputs; i++)
        if (!node.from[i] || node.from[i] > lh_graph.values) lh_fault(node.file, node.line, "an input of the operation is empty");
    if (lh_graph.values == LH_MAX_VALUES) {
        lh_fault(node.file, node.line, "the program has more than 4096 nodes");
        return (lh_t){1};
    }
    lh_graph.inputs += !node.op;
    lh_graph.value[lh_graph.values++] = node;
    return (lh_t){lh_graph.values};
}

/* Asks the host for an input, once however often the author names it. */
static lh_t lh_input(const char *prefix, const char *name, const char *dtype, const char *shape) {
    for (uint32_t i = 0; i < lh_graph.values; i++) {
        lh_node *v = &lh_graph.value[i];
        if (!v->op && lh_same(v->prefix, prefix) && lh_same(v->name, name)) return (lh_t){i + 1};
    }
    return lh_record((lh_node){.prefix = prefix, .name = name, .dtype = dtype, .shape = shape});
}

static lh_t lh_logps(void) { return lh_input("policy.logps", "", "f32", "B,K,T"); }
static lh_t lh_ref_logps(void) { return lh_input("ref.logps", "", "f32", "B,K,T"); }
static lh_t lh_rewards(void) { return lh_input("rewards", "", "f32", "B,K"); }
static lh_t lh_reverse_kl(void) { return lh_input("kl.reverse", "", "f32", "B,K,T"); }
static lh_t lh_forward_kl(void) { return lh_input("kl.forward", "", "f32", "B,K,T"); }
static lh_t lh_vocab_mean_logps(void) { return lh_input("policy.vocab_mean_logps", "", "f32", "B,K,T"); }
static lh_t lh_mismatched_logps(void) { return lh_input("mismatched.policy.logps", "", "f32", "B,K,U"); }
static lh_t lh_mismatched_ref_logps(void) { return lh_input("mismatched.ref.logps", "", "f32", "B,K,U"); }
static lh_t lh_state(const char *name) { return lh_input("state.", name, "f32", ""); }
static lh_t lh_label_mask(void) { return lh_input("label_mask", "", "bool", "B,K,T"); }
static lh_t lh_real(void) { return lh_input("candidate_mask", "", "bool", "B,K"); }
static lh_t lh_column(const char *name) { return lh_input("column.", name, "f32", "B,K"); }
static lh_t lh_example_column(const char *name) { return lh_input("example_column.", name, "f32", "B"); }
static lh_t lh_logits(const char *head) { return lh_input("logits.", head, "f32", "B,C_"); } /* C_ is completed with the head */
static lh_t lh_label(const char *head) { return lh_input("label.", head, "i64", "B"); }
static lh_t lh_hidden(void) { return lh_input("hidden", "", "f32", "P,H"); }
static lh_t lh_token(void) { return lh_input("token", "", "i64", "M"); }
static lh_t lh_sequence(void) { return lh_input("sequence", "", "i64", "M"); }
static lh_t lh_ids(void) { return lh_input("ids", "", "i64", "M"); }
static lh_t lh_eos(void) { return lh_input("eos_token_id", "", "i64", ""); }

static void lh_total_add(lh_total *list, uint32_t *count, lh_total total) {
    if (!total.sum.id) lh_fault(0, 0, "the sum of a term or metric is empty");
    if (*count == LH_MAX_TOTALS) {
        lh_fault(0, 0, "more than 64 terms or metrics");
        return;
    }
    list[(*count)++] = total;
}

static void lh_term(const char *name, lh_t sum, lh_t count, double coefficient) {
    lh_total_add(lh_graph.term, &lh_graph.terms, (lh_total){name, sum, count, coefficient, 0});
}

static void lh_metric(const char *name, lh_t sum, lh_t count) {
    lh_total_add(lh_graph.metric, &lh_graph.metrics, (lh_total){name, sum, count, 1, 0});
}

static void lh_exp_metric(const char *name, lh_t sum, lh_t count) {
    lh_total_add(lh_graph.metric, &lh_graph.metrics, (lh_total){name, sum, count, 1, 1});
}

static void lh_state_update(const char *name, double initial, lh_t update) {
    if (!update.id) lh_fault(0, 0, "the update of a state is empty");
    if (lh_graph.states == LH_MAX_TOTALS) {
        lh_fault(0, 0, "more than 64 states");
        return;
    }
    lh_graph.state[lh_graph.states++] = (lh_kept){name, initial, update};
}

static void lh_output(lh_t x) { lh_graph.output = x; }

/* The number of a value in the program: inputs first, then nodes. */
static uint32_t lh_number_of(uint32_t id) {
    uint32_t inputs = 0;
    for (uint32_t i = 0; i + 1 < id; i++) inputs += !lh_graph.value[i].op;
    return lh_graph.value[id - 1].op ? lh_graph.inputs + id - 1 - inputs : inputs;
}

static void lh_put_input(lh_buffer *out, const lh_node *v) {
    lh_buffer name = {0}, shape = {0};
    lh_puts(&name, v->prefix), lh_puts(&name, v->name), lh_byte(&name, 0);
    lh_puts(&shape, v->shape);
    if (shape.size && shape.at[shape.size - 1] == '_') lh_puts(&shape, v->name);
    lh_byte(&shape, 0);
    lh_comma(out);
    lh_byte(out, '{');
    lh_put_field(out, "name", name.at);
    lh_put_field(out, "dtype", v->dtype);
    lh_key(out, "shape");
    lh_put_list(out, shape.at, ',');
    lh_byte(out, '}');
}

static void lh_put_node(lh_buffer *out, const lh_node *v) {
    lh_comma(out);
    lh_byte(out, '{');
    lh_put_field(out, "op", v->op);
    lh_key(out, "in");
    lh_byte(out, '[');
    for (int i = 0; i < v->inputs; i++) lh_comma(out), lh_put_whole(out, lh_number_of(v->from[i]));
    lh_puts(out, "],\"attrs\":{");
    if (v->attr) lh_key(out, v->attr == 'd' ? "dim" : v->attr == 'v' ? "value" : v->key);
    if (v->attr == 'd' && v->axis < 0) lh_byte(out, '-');
    if (v->attr == 'd') lh_put_whole(out, (uint64_t)(v->axis < 0 ? -v->axis : v->axis));
    if (v->attr == 'v') lh_put_number(out, v->number);
    if (v->attr == 's') lh_put_string(out, lh_text_of(v->text));
    if (v->attr == 'l') lh_put_list(out, v->text, ',');
    lh_puts(out, "}}");
}

static void lh_put_totals(lh_buffer *out, const char *key, const lh_total *list, uint32_t count, int terms) {
    lh_key(out, key);
    lh_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        lh_comma(out);
        lh_byte(out, '{');
        lh_put_field(out, "name", list[i].name);
        lh_key(out, "sum"), lh_put_whole(out, lh_number_of(list[i].sum.id));
        if (list[i].count.id) lh_key(out, "count"), lh_put_whole(out, lh_number_of(list[i].count.id));
        if (terms) {
            lh_key(out, "coefficient"), lh_put_number(out, list[i].coefficient);
        } else {
            lh_key(out, "exp"), lh_puts(out, list[i].exp ? "true" : "false");
        }
        lh_byte(out, '}');
    }
    lh_byte(out, ']');
}

/* Appends the states, where there are any. */
static void lh_put_states(lh_buffer *out) {
    if (!lh_graph.states) return;
    lh_key(out, "states");
    lh_byte(out, '[');
    for (uint32_t i = 0; i < lh_graph.states; i++) {
        const lh_kept *s = &lh_graph.state[i];
        lh_comma(out);
        lh_byte(out, '{');
        lh_put_field(out, "name", s->name);
        lh_key(out, "initial"), lh_put_number(out, s->initial);
        lh_key(out, "update"), lh_put_whole(out, lh_number_of(s->update.id));
        lh_byte(out, '}');
    }
    lh_byte(out, ']');
}

/* The file and its folder, and the line: the same on every machine. */
static void lh_put_place(lh_buffer *out, const char *file, int line) {
    uint32_t from = lh_strlen(file), slashes = 0;
    while (from && (slashes += file[from - 1] == '/') < 2) from--;
    lh_puts(out, file + from);
    lh_byte(out, ':');
    lh_put_whole(out, (uint64_t)line);
}

/* Begins the reply to a trace, with the program and its places. */
static void lh_put_program(lh_buffer *out, lh_kind kind) {
    lh_puts(out, "{\"program\":{\"llmhost_program\":1,\"op_level\":1");
    lh_put_field(out, "kind", kind == LH_LOSS ? "loss" : "pooling");
    lh_puts(out, ",\"inputs\":[");
    for (uint32_t i = 0; i < lh_graph.values; i++)
        if (!lh_graph.value[i].op) lh_put_input(out, &lh_graph.value[i]);
    lh_puts(out, "],\"nodes\":[");
    for (uint32_t i = 0; i < lh_graph.values; i++)
        if (lh_graph.value[i].op) lh_put_node(out, &lh_graph.value[i]);
    lh_byte(out, ']');
    if (kind == LH_LOSS) {
        lh_put_totals(out, "terms", lh_graph.term, lh_graph.terms, 1);
        lh_put_totals(out, "metrics", lh_graph.metric, lh_graph.metrics, 0);
        lh_put_states(out);
    } else {
        lh_key(out, "output"), lh_put_whole(out, lh_number_of(lh_graph.output.id));
    }
    lh_puts(out, "},\"locations\":[");
    for (uint32_t i = 0; i < lh_graph.values; i++) {
        if (!lh_graph.value[i].op) continue;
        lh_comma(out);
        lh_byte(out, '"');
        lh_put_place(out, lh_graph.value[i].file, lh_graph.value[i].line);
        lh_byte(out, '"');
    }
    lh_byte(out, ']');
}
