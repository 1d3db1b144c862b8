/* Memory: one stack of bytes. What a call of the host takes is given back when
 * the host has freed its buffers and replies; what instances hold stays. */

#ifdef __wasm__
extern unsigned char __heap_base;
#define LH_HEAP (&__heap_base)

/* Shows the author a text, where the call that it came from fails. */
__attribute__((import_module("llmhost_v2"), import_name("log"))) void lh_host_log(int level, const char *at, uint32_t size);

/* Clang writes calls of these by itself. */
__attribute__((no_builtin("memcpy"))) void *memcpy(void *to, const void *from, __SIZE_TYPE__ n) {
    for (__SIZE_TYPE__ i = 0; i < n; i++) ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

__attribute__((no_builtin("memmove"))) void *memmove(void *to, const void *from, __SIZE_TYPE__ n) {
    if (to < from) return memcpy(to, from, n);
    for (__SIZE_TYPE__ i = n; i-- > 0;) ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

__attribute__((no_builtin("memset"))) void *memset(void *to, int c, __SIZE_TYPE__ n) {
    for (__SIZE_TYPE__ i = 0; i < n; i++) ((char *)to)[i] = (char)c;
    return to;
}
#else /* for tests on the author's machine */
static unsigned char lh_heap[16 << 20];
#define LH_HEAP lh_heap
#endif

static unsigned char *lh_floor; /* what lies below stays */
static unsigned char *lh_top;

/* Makes sure that the memory below end is there. */
static int lh_reach(const unsigned char *end) {
#ifdef __wasm__
    uintptr_t have = __builtin_wasm_memory_size(0) << 16;
    if ((uintptr_t)end <= have) return 1;
    return __builtin_wasm_memory_grow(0, (((uintptr_t)end - have) + 0xffff) >> 16) != (__SIZE_TYPE__)-1;
#else
    return end <= lh_heap + sizeof lh_heap;
#endif
}

/* size bytes, 0 where there are none. */
static void *lh_try(uint32_t size) {
    if (!lh_top) lh_top = lh_floor = LH_HEAP + (-(uintptr_t)LH_HEAP & 7);
    unsigned char *at = lh_top;
    uint32_t whole = (size + 7) & ~7u;
    if (size > (1u << 30) || !lh_reach(at + whole)) return 0;
    lh_top = at + whole;
    return at;
}

/* size bytes, or the end of the module. */
static void *lh_take(uint32_t size) {
    void *at = lh_try(size);
    if (!at) __builtin_trap();
    return at;
}

/* A text that grows. */
typedef struct {
    char *at;
    uint32_t size, room;
} lh_buffer;

static void lh_reserve(lh_buffer *b, uint32_t more) {
    if (b->size + more <= b->room) return;
    uint32_t room = (b->size + more) * 2 + 256;
    if (b->at && (unsigned char *)b->at + b->room == lh_top) { /* it is the last thing on the stack */
        lh_take(room - b->room);
        b->room = room & ~7u;
        return;
    }
    char *at = lh_take(room);
    __builtin_memcpy(at, b->at, b->size);
    b->at = at;
    b->room = room & ~7u;
}

static void lh_put(lh_buffer *b, const void *from, uint32_t n) {
    lh_reserve(b, n);
    __builtin_memcpy(b->at + b->size, from, n);
    b->size += n;
}

static void lh_byte(lh_buffer *b, int c) {
    lh_reserve(b, 1);
    b->at[b->size++] = (char)c;
}

static uint32_t lh_strlen(const char *s) {
    uint32_t n = 0;
    while (s && s[n]) n++;
    return n;
}

static void lh_puts(lh_buffer *b, const char *s) { lh_put(b, s, lh_strlen(s)); }

static lh_text lh_text_of(const char *s) { return (lh_text){s, lh_strlen(s)}; }
static lh_text lh_text_same(lh_text s) { return s; }
#define LH_TEXT(S) _Generic((S), lh_text: lh_text_same, default: lh_text_of)(S)

static int lh_equal(lh_text a, lh_text b) {
    if (a.size != b.size) return 0;
    for (uint32_t i = 0; i < a.size; i++)
        if (a.at[i] != b.at[i]) return 0;
    return 1;
}

static int lh_same(const char *a, const char *b) { return lh_equal(lh_text_of(a), lh_text_of(b)); }
