/* For tests of a plugin on its author's machine. */

/* Configures the named component for tests: its number, or 0 and the error in out. */
static uint32_t lh_try_configure(lh_buffer *out, const char *component, int formatter, const char *config) {
    uint32_t index = 0, number = 1;
    const lh_component *c = llmhost_plugin.components;
    while (c[index].name && !((c[index].kind == LH_FORMATTER) == formatter && lh_same(c[index].name, component))) index++;
    while (number <= LH_MAX_INSTANCES && lh_instances[number - 1] && lh_instances[number - 1]->component) number++;
    lh_reply_configure(out, index, lh_text_of(config));
    if (out->at[0]) return lh_byte(out, 0), 0;
    out->size = 0;
    return number;
}

/* The program of the named loss or pooling under a configuration such as
 * {"margin":0.5}, or the error, as a text: for tests. */
static const char *lh_program(const char *component, const char *config) {
    lh_buffer out = {0};
    uint32_t number = lh_try_configure(&out, component, 0, config);
    if (number) lh_reply_trace(&out, number), lh_byte(&out, 0);
    return out.at + 1;
}

/* Appends a prompt or an answer of the last candidate. */
static void lh_put_side(lh_buffer *out, lh_buffer side) {
    lh_text rest = lh_text_in(side);
    if (!lh_rows.is_chat) lh_put(out, rest.at, rest.size), rest.size = 0;
    while (rest.size) {
        lh_cut(&rest, 1);
        lh_text json = lh_cut(&rest, lh_uvarint(&rest));
        lh_put(out, json.at, json.size), lh_byte(out, '\n');
    }
}

/* What the named formatter makes of a record of texts and of JSON as text, 0 where it lacks a field:
 * PROMPT|ANSWER of its last candidate, of a chat the JSON of the messages, each on a line, with |HEAD=CLASS for each label, or why there is none. For tests. */
static const char *lh_example(const char *component, const char *config, const char *const *texts, int count) {
    lh_buffer out = {0};
    uint32_t number = lh_try_configure(&out, component, 1, config);
    if (!number) return out.at + 1;
    lh_current = lh_instance_of(number, 1);
    __builtin_memset(&lh_rows, 0, sizeof lh_rows);
    const lh_field *fields = lh_current->component->fields;
    for (int i = 0; i < count; i++)
        if (texts[i]) lh_rows.cell[i] = (lh_cell){fields[i].type, lh_text_of(texts[i])};
    lh_format_row(lh_current->component->format);
    const char *why = lh_rows.bad ? lh_rows.bad : lh_rows.dropped;
    if (why) {
        lh_puts(&out, lh_rows.bad ? "error: " : "dropped: "), lh_puts(&out, why);
    } else {
        lh_put_side(&out, lh_rows.prompt), lh_byte(&out, '|');
        lh_put_side(&out, lh_rows.answer);
        for (uint32_t i = 0; i < lh_rows.labels; i++) {
            lh_byte(&out, '|'), lh_puts(&out, lh_rows.name[lh_rows.label[i].head]), lh_byte(&out, '=');
            lh_put(&out, lh_rows.label[i].class.at, lh_rows.label[i].class.size);
        }
    }
    lh_byte(&out, 0);
    return out.at;
}
