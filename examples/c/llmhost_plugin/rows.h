/* Rows of data, and the frames that carry them; sdk/README.md has their layout. */

#define LH_MAX_NAMES 64 /* names of columns and heads in one reply */

/* One field of one record: where its bytes stand in the frame. */
typedef struct {
    uint8_t type; /* 0: absent */
    lh_text body;
} lh_cell;

typedef struct {
    uint32_t name; /* index */
    double v;
} lh_pair;

typedef struct {
    lh_pair pair[LH_MAX_NAMES];
    uint32_t count;
} lh_pairs;

typedef struct {
    uint32_t head; /* index of its name */
    lh_text class;
} lh_labelled;

static struct {
    lh_cell cell[255];
    lh_buffer body; /* the answers so far */
    const char *name[LH_MAX_NAMES];
    uint32_t names;
    /* the row that is formatted */
    lh_buffer candidates, prompt, answer, last_prompt;
    lh_pairs columns, example;
    lh_labelled label[LH_MAX_NAMES];
    uint32_t labels, count, chats;
    /* the chat that was begun last: its message, and what is written of it before its answer */
    int is_chat, side, learn;
    lh_buffer message, head, last_head;
    uint32_t turns[2];
    lh_text beside[3];
    const char *dropped, *bad;
} lh_rows;

/* Reads a uvarint; a broken one leaves nothing to read. */
static uint32_t lh_uvarint(lh_text *s) {
    uint32_t v = 0;
    for (int shift = 0; shift < 35 && s->size; shift += 7) {
        uint8_t b = (uint8_t)*s->at++;
        s->size--;
        v |= (uint32_t)(b & 0x7f) << shift;
        if (b < 0x80) return v;
    }
    s->size = 0;
    return 0;
}

/* The next n bytes, or fewer where the frame is cut short. */
static lh_text lh_cut(lh_text *s, uint32_t n) {
    lh_text taken = {s->at, n < s->size ? n : s->size};
    s->at += taken.size;
    s->size -= taken.size;
    return taken;
}

static double lh_float_in(lh_text body, uint32_t at) {
    double v = 0;
    if (at + 8 <= body.size) __builtin_memcpy(&v, body.at + at, 8);
    return v;
}

static int lh_has(int field) { return lh_rows.cell[field].type != 0; }

/* The cell of a field, empty where it is absent or of neither type. */
static lh_text lh_cell_as(int field, int type, int or_type) {
    lh_cell *c = &lh_rows.cell[field];
    if (c->type == type || c->type == or_type) return c->body;
    if (c->type) lh_bad("a field is declared as another type than format reads");
    return (lh_text){0};
}

static lh_text lh_str(int field) { return lh_cell_as(field, LH_IS_STRING, LH_IS_JSON); }
static double lh_float(int field) { return lh_float_in(lh_cell_as(field, LH_IS_FLOAT, LH_IS_FLOAT), 0); }

static int64_t lh_int(int field) {
    lh_text body = lh_cell_as(field, LH_IS_INT, LH_IS_BOOL);
    int64_t v = 0;
    __builtin_memcpy(&v, body.at, body.size < 8 ? body.size : 8);
    return v;
}

static uint32_t lh_length(int field) {
    lh_text body = lh_cell_as(field, LH_IS_STRING_LIST, LH_IS_FLOAT_LIST);
    return lh_rows.cell[field].type == LH_IS_FLOAT_LIST ? body.size / 8 : lh_uvarint(&body);
}

static lh_text lh_str_at(int field, uint32_t i) {
    lh_text body = lh_cell_as(field, LH_IS_STRING_LIST, LH_IS_STRING_LIST);
    if (i >= lh_uvarint(&body)) return (lh_text){0};
    while (i--) lh_cut(&body, lh_uvarint(&body));
    return lh_cut(&body, lh_uvarint(&body));
}

static double lh_float_at(int field, uint32_t i) {
    return lh_float_in(lh_cell_as(field, LH_IS_FLOAT_LIST, LH_IS_FLOAT_LIST), 8 * i);
}

static void lh_put_uvarint(lh_buffer *out, uint32_t n) {
    for (; n >= 0x80; n >>= 7) lh_byte(out, (int)(n | 0x80));
    lh_byte(out, (int)n);
}

static void lh_put_text(lh_buffer *out, lh_text s) {
    lh_put_uvarint(out, s.size);
    lh_put(out, s.at, s.size);
}

static lh_text lh_text_in(lh_buffer b) { return (lh_text){b.at, b.size}; }

static void lh_put_pairs(lh_buffer *out, const lh_pairs *p) {
    lh_put_uvarint(out, p->count);
    for (uint32_t i = 0; i < p->count; i++) {
        lh_put_uvarint(out, p->pair[i].name);
        lh_put(out, &p->pair[i].v, 8);
    }
}

/* The number of a name in the reply, LH_MAX_NAMES where it has no room. */
static uint32_t lh_name_number(const char *name) {
    uint32_t n = 0;
    while (n < lh_rows.names && !lh_same(lh_rows.name[n], name)) n++;
    if (n == LH_MAX_NAMES) {
        lh_bad("more than 64 names of columns and heads");
        return n;
    }
    if (n == lh_rows.names) lh_rows.name[lh_rows.names++] = name;
    return n;
}

static void lh_pairs_set(lh_pairs *p, const char *name, double v) {
    uint32_t n = lh_name_number(name), i = 0;
    if (n == LH_MAX_NAMES) return;
    while (i < p->count && p->pair[i].name != n) i++;
    p->pair[i] = (lh_pair){n, v};
    if (i == p->count) p->count++;
}

static void lh_chat_end(lh_buffer *out);

/* Writes the candidate that was begun last. */
static void lh_candidate_end(void) {
    if (!lh_rows.count) return;
    lh_buffer *out = &lh_rows.candidates;
    if (lh_rows.is_chat) {
        lh_chat_end(out);
        lh_put_pairs(out, &lh_rows.columns);
        return;
    }
    if (lh_rows.count > 1 && lh_equal(lh_text_in(lh_rows.prompt), lh_text_in(lh_rows.last_prompt))) {
        lh_byte(out, 0); /* the prompt of the candidate before */
    } else {
        lh_byte(out, 1);
        lh_put_text(out, lh_text_in(lh_rows.prompt));
    }
    lh_put_text(out, lh_text_in(lh_rows.answer));
    lh_put_pairs(out, &lh_rows.columns);
}

static void lh_candidate(void) {
    lh_candidate_end();
    lh_buffer spare = lh_rows.last_prompt;
    lh_rows.last_prompt = lh_rows.prompt;
    lh_rows.prompt = spare;
    lh_rows.prompt.size = lh_rows.answer.size = lh_rows.columns.count = 0;
    lh_rows.is_chat = lh_rows.side = 0;
    lh_rows.count++;
}

/* Adds to a text of the candidate that was begun last. */
static void lh_piece(lh_buffer *to, lh_text piece) {
    if (!lh_rows.count || lh_rows.is_chat) lh_bad("format added a text before lh_candidate");
    lh_put(to, piece.at, piece.size);
}

static void lh_prompt_add(lh_text piece) { lh_piece(&lh_rows.prompt, piece); }
static void lh_answer_add(lh_text piece) { lh_piece(&lh_rows.answer, piece); }

static void lh_set(const char *name, double v) {
    if (!lh_rows.count) lh_bad("format set a column of a candidate before lh_candidate");
    lh_pairs_set(&lh_rows.columns, name, v);
}

static void lh_example_set(const char *name, double v) { lh_pairs_set(&lh_rows.example, name, v); }

static void lh_label_put(const char *head, lh_text class) {
    uint32_t n = lh_name_number(head), i = 0;
    if (n == LH_MAX_NAMES) return;
    while (i < lh_rows.labels && lh_rows.label[i].head != n) i++;
    lh_rows.label[i] = (lh_labelled){n, class};
    if (i == lh_rows.labels) lh_rows.labels++;
}

static void lh_put_labels(lh_buffer *out) {
    lh_put_uvarint(out, lh_rows.labels);
    for (uint32_t i = 0; i < lh_rows.labels; i++) {
        lh_put_uvarint(out, lh_rows.label[i].head);
        lh_put_text(out, lh_rows.label[i].class);
    }
}

static void lh_drop(const char *reason) { lh_rows.dropped = reason; }

static void lh_bad(const char *what) {
    if (!lh_rows.bad) lh_rows.bad = what;
}

/* Reads the cells of one row; 0 where the frame is broken. */
static int lh_read_row(lh_text *frame, uint32_t columns) {
    for (uint32_t i = 0; i < columns; i++) {
        lh_cell *c = &lh_rows.cell[i];
        *c = (lh_cell){0};
        lh_text type = lh_cut(frame, 1);
        if (!type.size) return 0;
        if (!(c->type = (uint8_t)*type.at)) continue;
        uint32_t size = lh_uvarint(frame);
        c->body = lh_cut(frame, size);
        if (c->body.size < size) return 0;
    }
    return 1;
}

static void lh_format_row(void (*format)(void)) {
    lh_rows.candidates.size = lh_rows.columns.count = lh_rows.example.count = lh_rows.labels = lh_rows.count = 0;
    lh_rows.chats = 0, lh_rows.is_chat = lh_rows.side = 0;
    lh_rows.dropped = lh_rows.bad = 0;
    format();
    lh_buffer *out = &lh_rows.body;
    if (!lh_rows.count && !lh_rows.dropped) lh_bad("the formatter made no candidate; want at least one, or lh_drop with a reason");
    if (lh_rows.chats && lh_rows.chats != lh_rows.count) lh_bad("some candidates are chats, and others a prompt and an answer; want all of an example alike");
    if (lh_rows.bad || lh_rows.dropped) {
        lh_byte(out, lh_rows.bad ? 2 : 1);
        lh_put_text(out, lh_text_of(lh_rows.bad ? lh_rows.bad : lh_rows.dropped));
        return;
    }
    lh_candidate_end();
    lh_byte(out, lh_rows.chats ? 4 : lh_rows.labels ? 3 : 0);
    if (lh_rows.chats || lh_rows.labels) lh_put_labels(out);
    lh_put_pairs(out, &lh_rows.example);
    lh_put_uvarint(out, lh_rows.count);
    lh_put(out, lh_rows.candidates.at, lh_rows.candidates.size);
}

/* Runs format over a frame of rows and appends the frame of answers. The result
 * is what is wrong with the frame, or 0. */
static const char *lh_format_frame(void (*format)(void), lh_text frame, lh_buffer *reply) {
    uint32_t rows = 0;
    lh_text head = lh_cut(&frame, 4), width = lh_cut(&frame, 1);
    if (!width.size || !*width.at) return "row frame: broken at its beginning";
    __builtin_memcpy(&rows, head.at, 4);
    __builtin_memset(&lh_rows, 0, sizeof lh_rows); /* what it held was on the stack of the call before */
    for (uint32_t i = 0; i < rows; i++) {
        if (!lh_read_row(&frame, (uint8_t)*width.at)) return "row frame: broken or cut short";
        lh_format_row(format);
    }
    if (frame.size) return "row frame: too long";
    lh_put(reply, &rows, 4);
    lh_put_uvarint(reply, lh_rows.names);
    for (uint32_t i = 0; i < lh_rows.names; i++) lh_put_text(reply, lh_text_of(lh_rows.name[i]));
    lh_put(reply, lh_rows.body.at, lh_rows.body.size);
    return 0;
}
