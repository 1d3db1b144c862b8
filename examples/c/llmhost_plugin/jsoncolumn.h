/* JSON columns: a value is where its text begins, and nothing is copied. The host
 * sends sound JSON alone. */

static lh_json lh_json_at(lh_reader *r) {
    while (r->at < r->end && (uint8_t)*r->at <= ' ') r->at++;
    return r->at < r->end ? (lh_json){r->at, r->end} : (lh_json){0};
}

static lh_reader lh_json_reader(lh_json v) { return (lh_reader){v.at, v.end, 0}; }

static lh_json lh_json_of(int field) {
    lh_text text = lh_cell_as(field, LH_IS_JSON, LH_IS_JSON);
    lh_reader r = {text.at, text.at + text.size, 0};
    return lh_json_at(&r);
}

static char lh_json_type(lh_json v) {
    char c = v.at ? *v.at : 0;
    return c == '-' || (c >= '0' && c <= '9') ? '0' : c;
}

/* Passes over the rest of a string. */
static void lh_pass_string(lh_reader *r) {
    while (r->at < r->end && *r->at != '"') r->at += *r->at == '\\' && r->at + 1 < r->end ? 2 : 1;
    if (r->at < r->end) r->at++;
}

/* Passes over one value. */
static void lh_pass(lh_reader *r) {
    int depth = 0;
    do {
        char c = r->at < r->end ? *r->at++ : 0;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (c == '"') lh_pass_string(r);
    } while (r->at < r->end && (depth > 0 || (*r->at != ',' && *r->at != ']' && *r->at != '}')));
}

static lh_json lh_json_first(lh_json list) {
    lh_reader r = lh_json_reader(list);
    return lh_skip(&r, '[') && !lh_skip(&r, ']') ? lh_json_at(&r) : (lh_json){0};
}

static lh_json lh_json_next(lh_json item) {
    lh_reader r = lh_json_reader(item);
    lh_pass(&r);
    return lh_skip(&r, ',') ? lh_json_at(&r) : (lh_json){0};
}

static lh_json lh_json_get(lh_json object, const char *key) {
    lh_reader r = lh_json_reader(object);
    if (!lh_skip(&r, '{') || lh_skip(&r, '}')) return (lh_json){0};
    do {
        lh_text name = lh_read_string(&r);
        if (r.broken || !lh_skip(&r, ':')) break;
        if (lh_equal(name, lh_text_of(key))) return lh_json_at(&r);
        lh_json_at(&r);
        lh_pass(&r);
    } while (lh_skip(&r, ','));
    return (lh_json){0};
}

static lh_text lh_json_text(lh_json v) {
    lh_reader r = lh_json_reader(v);
    return lh_json_type(v) == '"' ? lh_read_string(&r) : (lh_text){0};
}

static double lh_json_number(lh_json v) {
    double n = 0;
    return lh_json_type(v) == '0' && lh_read_number(v.at, v.end, &n) ? n : 0;
}
