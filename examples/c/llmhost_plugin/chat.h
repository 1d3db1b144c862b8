/* Candidates that are chats: their messages, written as the frame has them. */

/* Appends a text as Python's json.dumps writes it with ensure_ascii off. */
static void lh_put_quoted(lh_buffer *out, lh_text s) {
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    lh_byte(out, '"');
    for (uint32_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.at[i];
        int known = 0;
        while (plain[known] && (unsigned char)plain[known] != c) known++;
        if (plain[known]) {
            lh_byte(out, '\\'), lh_byte(out, letter[known]);
        } else if (c < ' ') {
            lh_puts(out, "\\u00"), lh_byte(out, "0123456789abcdef"[c >> 4]), lh_byte(out, "0123456789abcdef"[c & 15]);
        } else {
            lh_byte(out, (char)c);
        }
    }
    lh_byte(out, '"');
}

/* Writes the message that was begun last to where it belongs. */
static void lh_message_end(void) {
    if (!lh_rows.side) return;
    lh_buffer *to = lh_rows.side == LH_PROMPT_SIDE ? &lh_rows.prompt : &lh_rows.answer;
    lh_byte(to, lh_rows.learn);
    lh_put_text(to, lh_text_in(lh_rows.message));
    lh_rows.turns[lh_rows.side - 1]++;
    lh_rows.side = 0;
}

/* Begins a message; where it belongs is one of the sides. */
static void lh_message_begin(int side) {
    if (!lh_rows.is_chat) lh_bad("format added a message before lh_chat");
    lh_message_end();
    lh_rows.message.size = 0;
    lh_rows.learn = LH_LEARN_DEFAULT;
    lh_rows.side = side;
}

static void lh_turn(int side, lh_text role, lh_text content) {
    lh_message_begin(side);
    lh_buffer *m = &lh_rows.message;
    lh_puts(m, "{\"role\": "), lh_put_quoted(m, role);
    lh_puts(m, ", \"content\": "), lh_put_quoted(m, content), lh_byte(m, '}');
}

/* The text of a value. */
static lh_text lh_json_raw(lh_json v) {
    lh_reader r = lh_json_reader(v);
    lh_pass(&r);
    while (r.at > v.at && (uint8_t)r.at[-1] <= ' ') r.at--;
    return (lh_text){v.at, (uint32_t)(r.at - v.at)};
}

/* What "train" or "weight" says, or -1. */
static int lh_learn_of(lh_text value) {
    double v = 0;
    if (lh_equal(value, lh_text_of("null"))) return LH_LEARN_DEFAULT;
    if (lh_equal(value, lh_text_of("true"))) return LH_LEARN_YES;
    if (lh_equal(value, lh_text_of("false"))) return LH_LEARN_NO;
    if (!lh_read_number(value.at, value.at + value.size, &v)) return -1;
    return v == 1 ? LH_LEARN_YES : v == 0 ? LH_LEARN_NO : -1;
}

static void lh_learn_said(int learn) {
    if (learn < 0) lh_bad("the train or weight of a message is not true, false, 1 or 0");
    if (learn > 0 && lh_rows.learn > 0 && learn != lh_rows.learn) lh_bad("the train and the weight of a message contradict each other");
    if (learn > 0) lh_rows.learn = learn;
}

/* Writes the keys of an object but for what says whether it is learned, and
 * returns whether there was such a key. */
static int lh_put_unlearned(lh_buffer *out, lh_json object) {
    lh_reader r = lh_json_reader(object);
    int said = 0, count = 0;
    lh_byte(out, '{');
    if (lh_skip(&r, '{') && !lh_skip(&r, '}')) do {
        lh_text key = lh_read_string(&r);
        if (r.broken || !lh_skip(&r, ':')) break;
        lh_json at = lh_json_at(&r);
        lh_text value = lh_json_raw(at);
        lh_pass(&r);
        if (lh_equal(key, lh_text_of("train")) || lh_equal(key, lh_text_of("weight"))) {
            lh_learn_said(lh_learn_of(value));
            said = 1;
            continue;
        }
        if (count++) lh_puts(out, ", ");
        lh_put_quoted(out, key), lh_puts(out, ": "), lh_put(out, value.at, value.size);
    } while (lh_skip(&r, ','));
    lh_byte(out, '}');
    return said;
}

static void lh_turn_of(int side, lh_json message) {
    lh_message_begin(side);
    if (lh_json_type(message) != '{') {
        lh_bad("a message is no JSON object");
        return;
    }
    lh_text raw = lh_json_raw(message);
    if (lh_put_unlearned(&lh_rows.message, message)) return;
    lh_rows.message.size = 0; /* as it stands */
    lh_put(&lh_rows.message, raw.at, raw.size);
}

static void lh_with_json(const char *key, lh_text value, int quoted) {
    lh_buffer *m = &lh_rows.message;
    if (!lh_rows.side) {
        lh_bad("format added a key before any message");
        return;
    }
    while (m->size && m->at[m->size - 1] != '}') m->size--;
    if (m->size) m->size--;
    while (m->size && (uint8_t)m->at[m->size - 1] <= ' ') m->size--;
    if (m->size && m->at[m->size - 1] != '{') lh_puts(m, ", ");
    lh_put_quoted(m, lh_text_of(key)), lh_puts(m, ": ");
    if (quoted) {
        lh_put_quoted(m, value);
    } else {
        lh_put(m, value.at, value.size);
    }
    lh_byte(m, '}');
}

static void lh_learn(int learn) { lh_rows.learn = learn; }

static void lh_beside(int part, lh_text json) {
    if (!lh_rows.is_chat) lh_bad("format gave tools, documents or args before lh_chat");
    lh_rows.beside[part] = json;
}

static void lh_chat(void) {
    lh_candidate();
    lh_rows.is_chat = 1;
    lh_rows.chats++;
    lh_rows.turns[0] = lh_rows.turns[1] = 0;
    for (int i = 0; i < 3; i++) lh_rows.beside[i] = (lh_text){0};
}

/* Writes the chat that was begun last, and what it shares with the one before as a lone 0. */
static void lh_chat_end(lh_buffer *out) {
    lh_message_end();
    lh_buffer spare = lh_rows.last_head;
    lh_rows.last_head = lh_rows.head;
    lh_rows.head = spare;
    lh_rows.head.size = 0;
    lh_put_uvarint(&lh_rows.head, lh_rows.turns[0]);
    lh_put(&lh_rows.head, lh_rows.prompt.at, lh_rows.prompt.size);
    for (int i = 0; i < 3; i++) lh_put_text(&lh_rows.head, lh_rows.beside[i]);
    int same = lh_rows.chats > 1 && lh_equal(lh_text_in(lh_rows.head), lh_text_in(lh_rows.last_head));
    lh_byte(out, !same);
    if (!same) lh_put(out, lh_rows.head.at, lh_rows.head.size);
    lh_put_uvarint(out, lh_rows.turns[1]);
    lh_put(out, lh_rows.answer.at, lh_rows.answer.size);
}
