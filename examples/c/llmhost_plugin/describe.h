/* The descriptor. */

static const char *const lh_kinds[] = {"loss", "pooling", "formatter"};
static const char *const lh_types[] = {"float", "int", "bool", "string"};
static const char *const lh_field_types[] = {"", "string", "float", "bool", "int", "string_list", "float_list", "json"};

static void lh_put_default(lh_buffer *out, const lh_param *p) {
    if (p->type == LH_TYPE_STRING) {
        lh_put_string(out, lh_text_of(p->text));
    } else if (p->type == LH_TYPE_BOOL) {
        lh_puts(out, p->number != 0 ? "true" : "false");
    } else {
        lh_put_number(out, p->number);
    }
}

static void lh_put_param(lh_buffer *out, const lh_param *p) {
    lh_comma(out);
    lh_byte(out, '{');
    lh_put_field(out, "name", p->name);
    lh_put_field(out, "type", lh_types[p->type]);
    lh_key(out, "default"), lh_put_default(out, p);
    if (p->min.set) lh_key(out, "min"), lh_put_number(out, p->min.value);
    if (p->max.set) lh_key(out, "max"), lh_put_number(out, p->max.value);
    if (p->choices) lh_key(out, "choices"), lh_put_list(out, p->choices, '|');
    if (p->values) lh_key(out, "values"), lh_put_list(out, p->values, '|');
    if (p->aliases) lh_key(out, "aliases"), lh_put_list(out, p->aliases, '|');
    lh_put_field(out, "doc", p->doc);
    lh_byte(out, '}');
}

static void lh_put_component(lh_buffer *out, const lh_component *c) {
    lh_comma(out);
    lh_byte(out, '{');
    lh_put_field(out, "kind", lh_kinds[c->kind]);
    lh_put_field(out, "name", c->name);
    lh_put_field(out, "doc", c->doc);
    lh_key(out, "params");
    lh_byte(out, '[');
    for (const lh_param *p = c->params; p && p->name; p++) lh_put_param(out, p);
    lh_puts(out, "]}");
}

static void lh_put_task(lh_buffer *out, const lh_task *t) {
    lh_comma(out);
    lh_byte(out, '{');
    lh_put_field(out, "name", t->name);
    lh_put_field(out, "doc", t->doc);
    lh_put_field(out, "formatter", t->formatter);
    lh_put_field(out, "head", t->head ? t->head : LH_LM_HEAD);
    lh_put_field(out, "pooling", t->pooling);
    lh_put_field(out, "loss", t->loss);
    lh_key(out, "defaults"), lh_puts(out, t->defaults ? t->defaults : "{}");
    if (t->aliases) lh_key(out, "aliases"), lh_put_list(out, t->aliases, '|');
    lh_byte(out, '}');
}

static void lh_reply_describe(lh_buffer *out) {
    lh_byte(out, 0);
    lh_puts(out, "{\"llmhost_plugin\":1,\"abi\":2,\"abi_minor\":1,\"sdk\":\"c 0.3.0\"");
    lh_put_field(out, "name", llmhost_plugin.name);
    lh_put_field(out, "version", llmhost_plugin.version);
    lh_put_field(out, "doc", llmhost_plugin.doc);
    lh_puts(out, ",\"components\":[");
    for (const lh_component *c = llmhost_plugin.components; c && c->name; c++) lh_put_component(out, c);
    lh_puts(out, "],\"tasks\":[");
    for (const lh_task *t = llmhost_plugin.tasks; t && t->name; t++) lh_put_task(out, t);
    lh_puts(out, "]}");
}
