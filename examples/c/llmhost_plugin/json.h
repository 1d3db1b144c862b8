/* The little JSON that a plugin writes and reads. */

static void lh_put_string(lh_buffer *out, lh_text s) {
    lh_byte(out, '"');
    for (uint32_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c < ' ') {
            lh_puts(out, "\\u00");
            lh_byte(out, "0123456789abcdef"[c >> 4]);
            lh_byte(out, "0123456789abcdef"[c & 15]);
            continue;
        }
        if (c == '"' || c == '\\') lh_byte(out, '\\');
        lh_byte(out, (char)c);
    }
    lh_byte(out, '"');
}

/* Appends a comma unless an object or list has just begun. */
static void lh_comma(lh_buffer *out) {
    char last = out->at[out->size - 1];
    if (last != '{' && last != '[') lh_byte(out, ',');
}

static void lh_key(lh_buffer *out, const char *key) {
    lh_comma(out);
    lh_put_string(out, lh_text_of(key));
    lh_byte(out, ':');
}

static void lh_put_field(lh_buffer *out, const char *key, const char *s) {
    lh_key(out, key);
    lh_put_string(out, lh_text_of(s));
}

/* Appends a list of the parts of s between marks, as strings. */
static void lh_put_list(lh_buffer *out, const char *s, char mark) {
    lh_byte(out, '[');
    while (s && *s) {
        uint32_t n = 0;
        while (s[n] && s[n] != mark) n++;
        lh_comma(out);
        lh_put_string(out, (lh_text){s, n});
        s += n + (s[n] == mark);
    }
    lh_byte(out, ']');
}

/* A value of a configuration. */
typedef struct {
    lh_type type; /* LH_TYPE_FLOAT, LH_TYPE_BOOL or LH_TYPE_STRING */
    double number;
    lh_text text;
} lh_value;

typedef struct {
    const char *at, *end;
    int broken;
} lh_reader;

/* Passes over blanks and c, and reports whether it was there. */
static int lh_skip(lh_reader *r, char c) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')) r->at++;
    if (r->at == r->end || *r->at != c) return 0;
    r->at++;
    return 1;
}

static int lh_word(lh_reader *r, const char *word) {
    uint32_t n = lh_strlen(word);
    if (r->end - r->at < (long)n || !lh_equal((lh_text){r->at, n}, lh_text_of(word))) return 0;
    r->at += n;
    return 1;
}

static uint32_t lh_hex4(lh_reader *r) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int c = r->at < r->end ? *r->at++ : 0, letter = c | 0x20;
        if (c >= '0' && c <= '9') {
            v = v * 16 + (uint32_t)(c - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            v = v * 16 + (uint32_t)(letter - 'a' + 10);
        } else {
            r->broken = 1;
        }
    }
    return v;
}

static void lh_utf8(lh_buffer *out, uint32_t c) {
    if (c < 0x80) {
        lh_byte(out, (int)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const int lead[] = {0, 0xc0, 0xe0, 0xf0};
    lh_byte(out, lead[more] | (int)(c >> (6 * more)));
    while (more--) lh_byte(out, 0x80 | (int)(c >> (6 * more) & 0x3f));
}

/* Reads what follows a backslash. */
static void lh_escape(lh_reader *r, lh_buffer *out) {
    static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at++ : 0;
    for (int i = 0; plain[i]; i++) {
        if (c != plain[i]) continue;
        lh_byte(out, means[i]);
        return;
    }
    uint32_t v = c == 'u' ? lh_hex4(r) : (r->broken = 1, 0);
    if (v >= 0xd800 && v < 0xdc00) { /* the first half of a pair */
        if (!lh_word(r, "\\u")) r->broken = 1;
        v = 0x10000 + ((v - 0xd800) << 10) + ((lh_hex4(r) - 0xdc00) & 0x3ff);
    }
    lh_utf8(out, v);
}

static lh_text lh_read_string(lh_reader *r) {
    lh_buffer out = {0};
    if (!lh_skip(r, '"')) r->broken = 1;
    const char *from = r->at;
    while (r->at < r->end && *r->at != '"' && *r->at != '\\') r->at++;
    if (!r->broken && r->at < r->end && *r->at == '"') return (lh_text){from, (uint32_t)(r->at++ - from)}; /* as it stands */
    r->at = from;
    while (!r->broken && r->at < r->end && *r->at != '"') {
        char c = *r->at++;
        if (c == '\\') {
            lh_escape(r, &out);
        } else {
            lh_byte(&out, c);
        }
    }
    if (!lh_skip(r, '"')) r->broken = 1;
    return (lh_text){out.at, out.size};
}

static lh_value lh_read_value(lh_reader *r) {
    lh_value v = {0};
    if (lh_skip(r, '"')) {
        r->at--;
        return (lh_value){.type = LH_TYPE_STRING, .text = lh_read_string(r)};
    }
    if (lh_word(r, "true")) return (lh_value){.type = LH_TYPE_BOOL, .number = 1};
    if (lh_word(r, "false")) return (lh_value){.type = LH_TYPE_BOOL};
    const char *after = lh_read_number(r->at, r->end, &v.number);
    if (after) {
        r->at = after;
    } else {
        r->broken = 1;
    }
    return v;
}
