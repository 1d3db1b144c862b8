/* Instances of components, with the values of their parameters. */

#define LH_MAX_INSTANCES 256
#define LH_MAX_PARAMS 64

typedef struct {
    const lh_component *component; /* 0: free */
    lh_value value[LH_MAX_PARAMS]; /* in the order of the component's parameters */
} lh_instance;

static lh_instance *lh_instances[LH_MAX_INSTANCES];
static const lh_instance *lh_current; /* traces or formats */

/* Ends the module with a sentence for its author. */
static _Noreturn void lh_die(const char *what, const char *name) {
    lh_buffer text = {0};
    lh_puts(&text, what), lh_puts(&text, name);
#ifdef __wasm__
    lh_host_log(3, text.at, text.size);
#endif
    __builtin_trap();
}

static const lh_value *lh_find(const char *name, lh_type type) {
    const lh_param *p = lh_current->component->params;
    for (int i = 0; p && p[i].name; i++)
        if (lh_same(p[i].name, name) && (p[i].type == type || (type == LH_TYPE_FLOAT && p[i].type == LH_TYPE_INT))) return &lh_current->value[i];
    lh_die("the component declares no parameter of this name and type: ", name);
}

static double lh_number(const char *name) { return lh_find(name, LH_TYPE_FLOAT)->number; }
static int lh_flag(const char *name) { return lh_find(name, LH_TYPE_BOOL)->number != 0; }
static lh_text lh_string(const char *name) { return lh_find(name, LH_TYPE_STRING)->text; }
static int lh_is(const char *name, const char *text) { return lh_equal(lh_string(name), lh_text_of(text)); }

/* An error reply; name is the parameter at fault, or empty. */
static void lh_reply_error(lh_buffer *out, const char *code, lh_text name, const char *what) {
    lh_buffer message = {0};
    lh_put(&message, name.at, name.size);
    if (name.size) lh_byte(&message, ' ');
    lh_puts(&message, what);
    out->size = 0;
    lh_puts(out, "\1{");
    lh_put_field(out, "code", code);
    lh_key(out, "message"), lh_put_string(out, lh_text_in(message));
    if (name.size) lh_key(out, "field"), lh_put_string(out, name);
    lh_byte(out, '}');
}

/* What a parameter takes: "a number of at least 0". */
static const char *lh_want(const lh_param *p) {
    lh_buffer out = {0};
    static const char *const kinds[] = {"a number", "a whole number", "true or false", "a text"};
    lh_puts(&out, "is not what it takes; want ");
    lh_puts(&out, p->choices ? "one of " : kinds[p->type]);
    if (p->choices) lh_puts(&out, p->choices);
    if (p->min.set) lh_puts(&out, " of at least "), lh_put_number(&out, p->min.value);
    if (p->max.set) lh_puts(&out, p->min.set ? " and at most " : " of at most "), lh_put_number(&out, p->max.value);
    lh_byte(&out, 0);
    return out.at;
}

static int lh_fits(const lh_param *p, const lh_value *v) {
    int number = p->type == LH_TYPE_FLOAT || p->type == LH_TYPE_INT;
    if (v->type != (number ? LH_TYPE_FLOAT : p->type)) return 0;
    if (number && (v->number - v->number != 0 || (p->min.set && v->number < p->min.value) || (p->max.set && v->number > p->max.value))) return 0;
    if (p->type == LH_TYPE_INT && (v->number < -0x1p53 || v->number > 0x1p53 || v->number != (double)(int64_t)v->number)) return 0;
    int found = !p->choices;
    for (const char *s = p->choices; s && *s;) {
        uint32_t n = 0;
        while (s[n] && s[n] != '|') n++;
        found |= lh_equal(v->text, (lh_text){s, n});
        s += n + (s[n] == '|');
    }
    return found;
}

/* Reads one parameter into the instance; 0 where the reply is an error. */
static int lh_configure_one(lh_instance *in, lh_reader *r, lh_buffer *out) {
    lh_text name = lh_read_string(r);
    if (r->broken || !lh_skip(r, ':')) return (r->broken = 1);
    lh_skip(r, ' ');
    lh_value v = lh_read_value(r);
    const lh_param *p = in->component->params;
    int i = 0;
    while (p && p[i].name && !lh_equal(name, lh_text_of(p[i].name))) i++;
    if (r->broken) return 1;
    if (!p || !p[i].name || !lh_fits(&p[i], &v)) {
        lh_reply_error(out, "invalid_config", name, p && p[i].name ? lh_want(&p[i]) : "is no parameter of this component");
        return 0;
    }
    in->value[i] = v;
    return 1;
}

static lh_text lh_field_name(const lh_field *f) { return f->name[0] == '$' ? lh_string(f->name + 1) : lh_text_of(f->name); }

/* What a formatter reads and gives. */
static void lh_put_records(lh_buffer *out, const lh_instance *in) {
    lh_current = in;
    lh_said_clear();
    if (in->component->declare) in->component->declare();
    lh_puts(out, ",\"columns\":[");
    int i = 0;
    for (const lh_field *f = in->component->fields; f && f->name; f++, i++) {
        if (i == LH_MAX_FIELDS) lh_die("a formatter has more than 255 fields: ", in->component->name);
        lh_comma(out);
        lh_byte(out, '{');
        lh_key(out, "name"), lh_put_string(out, lh_field_name(f));
        lh_put_field(out, "type", lh_field_types[f->type]);
        lh_key(out, "required"), lh_puts(out, f->required ? "true" : "false");
        lh_put_field(out, "doc", f->doc);
        if (lh_said.role[i]) lh_put_field(out, "role", lh_said.role[i]);
        lh_put_said(out, "examples", &lh_said.examples[i], ']');
        lh_byte(out, '}');
    }
    lh_byte(out, ']');
    lh_put_said(out, "gives", &lh_said.gives, ']');
    lh_put_said(out, "allow", &lh_said.allow, '}');
}

static void lh_reply_configure(lh_buffer *out, uint32_t index, lh_text config) {
    uint32_t count = 0, slot = 0;
    while (llmhost_plugin.components && llmhost_plugin.components[count].name) count++;
    while (slot < LH_MAX_INSTANCES && lh_instances[slot] && lh_instances[slot]->component) slot++;
    if (index >= count || slot == LH_MAX_INSTANCES) {
        lh_reply_error(out, "bad_request", (lh_text){0}, index >= count ? "there is no component of that index" : "there are 256 instances; close some");
        return;
    }
    if (!lh_instances[slot]) lh_instances[slot] = lh_take(sizeof(lh_instance));
    lh_instance *in = lh_instances[slot];
    in->component = &llmhost_plugin.components[index];
    const lh_param *p = in->component->params;
    for (int i = 0; p && p[i].name; i++) {
        if (i == LH_MAX_PARAMS) lh_die("a component has more than 64 parameters: ", in->component->name);
        in->value[i] = (lh_value){p[i].type, p[i].number, lh_text_of(p[i].text)};
    }
    lh_reader r = {config.at, config.at + config.size, 0};
    r.broken = !lh_skip(&r, '{');
    for (int n = 0; !r.broken && !lh_skip(&r, '}'); n++) {
        r.broken = n > 0 && !lh_skip(&r, ',');
        if (!r.broken && !lh_configure_one(in, &r, out)) {
            in->component = 0;
            return;
        }
    }
    lh_skip(&r, ' ');
    if (r.broken || r.at != r.end) {
        in->component = 0;
        lh_reply_error(out, "invalid_config", (lh_text){0}, "configuration is not a flat JSON object of numbers, texts, true and false");
        return;
    }
    lh_byte(out, 0);
    lh_puts(out, "{\"instance\":"), lh_put_whole(out, slot + 1);
    if (in->component->kind == LH_FORMATTER) lh_put_records(out, in);
    lh_byte(out, '}');
}
