/* What a component declares beside its program or its fields. */

#define LH_MAX_USES 64
#define LH_MAX_FIELDS 255

/* What a loss says of a column that it reads. */
typedef struct {
    uint32_t column; /* the value's id */
    const char *role;
    lh_buffer values; /* JSON: a list, not yet ended; empty without any */
    double min, max;
    int ranged;
} lh_use;

static struct {
    lh_use use[LH_MAX_USES];
    uint32_t uses;
    lh_buffer gives, allow; /* JSON: a list and an object, not yet ended; empty where nothing is said */
    int last_token;
    const char *role[LH_MAX_FIELDS];   /* of fields */
    lh_buffer examples[LH_MAX_FIELDS]; /* of fields, as gives is */
} lh_said;

static void lh_said_clear(void) { __builtin_memset(&lh_said, 0, sizeof lh_said); }

/* What has been declared about a column so far. */
static lh_use *lh_use_of(lh_t column) {
    const lh_node *v = column.id && column.id <= lh_graph.values ? &lh_graph.value[column.id - 1] : 0;
    if (!v || v->op || !(lh_same(v->prefix, "column.") || lh_same(v->prefix, "example_column."))) {
        lh_fault(0, 0, "role, values and range apply only to columns");
        return &lh_said.use[0];
    }
    for (uint32_t i = 0; i < lh_said.uses; i++)
        if (lh_said.use[i].column == column.id) return &lh_said.use[i];
    if (lh_said.uses == LH_MAX_USES) {
        lh_fault(0, 0, "more than 64 columns");
        return &lh_said.use[0];
    }
    lh_said.use[lh_said.uses].column = column.id;
    return &lh_said.use[lh_said.uses++];
}

static lh_t lh_role(lh_t column, const char *role) {
    lh_use *use = lh_use_of(column);
    if (use->role && !lh_same(use->role, role)) lh_fault(0, 0, "a column has two roles");
    use->role = role;
    return column;
}

static lh_t lh_say_values(lh_t column, const double *values, uint32_t count) {
    lh_buffer list = {0};
    lh_byte(&list, '[');
    for (uint32_t i = 0; i < count; i++) lh_comma(&list), lh_put_number(&list, values[i]);
    lh_use_of(column)->values = list;
    return column;
}

static lh_t lh_range(lh_t column, double min, double max) {
    lh_use *use = lh_use_of(column);
    use->min = min, use->max = max, use->ranged = 1;
    return column;
}

static void lh_allow(const char *check, const char *why) {
    if (!lh_said.allow.size) lh_byte(&lh_said.allow, '{');
    lh_put_field(&lh_said.allow, check, why);
}

static void lh_pools_last_token(void) { lh_said.last_token = 1; }

static void lh_gives_nothing(void) {
    if (!lh_said.gives.size) lh_byte(&lh_said.gives, '[');
}

/* Begins an output; more is to follow. */
static lh_buffer *lh_give(const char *kind, const char *name) {
    lh_buffer *out = &lh_said.gives;
    lh_gives_nothing();
    lh_comma(out);
    lh_byte(out, '{');
    lh_put_field(out, "kind", kind);
    lh_put_field(out, "name", name);
    return out;
}

static void lh_gives(const char *name, const char *role, double padding) {
    lh_buffer *out = lh_give("column", name);
    if (role) lh_put_field(out, "role", role);
    if (padding != 0) lh_key(out, "padding"), lh_put_number(out, padding);
    lh_byte(out, '}');
}

static void lh_gives_example(const char *name, const char *role) {
    lh_buffer *out = lh_give("example_column", name);
    if (role) lh_put_field(out, "role", role);
    lh_byte(out, '}');
}

static void lh_gives_label(const char *head) { lh_byte(lh_give("label", head), '}'); }

static void lh_field_role(int field, const char *role) { lh_said.role[field] = role; }

static void lh_say_examples(int field, const char *const *examples, uint32_t count) {
    lh_buffer *out = &lh_said.examples[field];
    lh_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) lh_comma(out), lh_put_string(out, lh_text_of(examples[i]));
}

/* Appends a list or object that is not yet ended, where it has begun. */
static void lh_put_said(lh_buffer *out, const char *key, const lh_buffer *said, char end) {
    if (!said->size) return;
    lh_key(out, key);
    lh_put(out, said->at, said->size);
    lh_byte(out, end);
}

static void lh_put_use(lh_buffer *out, const lh_use *use) {
    const lh_node *v = &lh_graph.value[use->column - 1];
    lh_buffer name = {0};
    lh_puts(&name, v->prefix), lh_puts(&name, v->name);
    lh_comma(out);
    lh_byte(out, '{');
    lh_key(out, "input"), lh_put_string(out, lh_text_in(name));
    if (use->role) lh_put_field(out, "role", use->role);
    lh_put_said(out, "values", &use->values, ']');
    if (use->ranged) lh_key(out, "min"), lh_put_number(out, use->min), lh_key(out, "max"), lh_put_number(out, use->max);
    lh_byte(out, '}');
}

/* Appends what is declared about a program to its reply. */
static void lh_put_declared(lh_buffer *out) {
    if (lh_said.uses) {
        lh_key(out, "columns");
        lh_byte(out, '[');
        for (uint32_t i = 0; i < lh_said.uses; i++) lh_put_use(out, &lh_said.use[i]);
        lh_byte(out, ']');
    }
    lh_put_said(out, "allow", &lh_said.allow, '}');
    if (lh_said.last_token) lh_key(out, "pools_last_token"), lh_puts(out, "true");
}
