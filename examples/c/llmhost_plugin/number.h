/* Numbers as text, both ways without any loss. Everything is done in whole
 * numbers of any length, which is slow and simple: a plugin writes a few dozen. */

#define LH_LIMBS 96 /* 3072 bits: 5^1074 has 2494 */

typedef struct {
    uint32_t limb[LH_LIMBS]; /* from the lowest */
    int n;                   /* limbs in use */
} lh_big;

static void lh_big_set(lh_big *b, uint64_t v) {
    b->limb[0] = (uint32_t)v;
    b->limb[1] = (uint32_t)(v >> 32);
    b->n = v >> 32 ? 2 : v != 0;
}

/* b = b * m + add */
static void lh_big_mul(lh_big *b, uint32_t m, uint32_t add) {
    uint64_t carry = add;
    for (int i = 0; i < b->n; i++) {
        carry += (uint64_t)b->limb[i] * m;
        b->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) b->limb[b->n++] = (uint32_t)carry;
}

static void lh_big_pow(lh_big *b, uint32_t base, int times) {
    while (times-- > 0) lh_big_mul(b, base, 0);
}

/* b = b / d; returns the rest */
static uint32_t lh_big_div(lh_big *b, uint32_t d) {
    uint64_t rest = 0;
    for (int i = b->n; i-- > 0;) {
        rest = rest << 32 | b->limb[i];
        b->limb[i] = (uint32_t)(rest / d);
        rest %= d;
    }
    while (b->n && !b->limb[b->n - 1]) b->n--;
    return (uint32_t)rest;
}

static int lh_big_less(const lh_big *a, const lh_big *b) {
    if (a->n != b->n) return a->n < b->n;
    for (int i = a->n; i-- > 0;)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i];
    return 0;
}

/* a = a - b, where a is not less */
static void lh_big_sub(lh_big *a, const lh_big *b) {
    int64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        borrow += (int64_t)a->limb[i] - (i < b->n ? b->limb[i] : 0);
        a->limb[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
    while (a->n && !a->limb[a->n - 1]) a->n--;
}

static int lh_big_bits(const lh_big *b) { return b->n ? 32 * b->n - __builtin_clz(b->limb[b->n - 1]) : 0; }

/* v * 2^e; the result is a float64, so the product is exact */
static double lh_scale(double v, int e) {
    for (; e > 1000; e -= 1000) v *= 0x1p1000;
    for (; e < -1000; e += 500) v *= 0x1p-500;
    for (; e > 0; e--) v *= 2;
    for (; e < 0; e++) v *= 0.5;
    return v;
}

/* The float64 next to digits * 10^e. */
static double lh_decimal(uint64_t digits, int e) {
    if (!digits || e < -400) return 0;
    if (e > 400) return __builtin_inf();
    lh_big over, under;
    lh_big_set(&over, digits);
    lh_big_set(&under, 1);
    lh_big_pow(&over, 10, e);
    lh_big_pow(&under, 10, -e);
    int shift = 54 - lh_big_bits(&over) + lh_big_bits(&under); /* over << shift has 54 or 55 bits more than under */
    if (shift > 1075) shift = 1075;                            /* below that a float64 has no place */
    lh_big_pow(&over, 2, shift);
    lh_big_pow(&under, 2, -shift);
    lh_big_pow(&under, 2, 56);
    uint64_t quotient = 0;
    for (int i = 0; i < 56; i++) {
        quotient <<= 1;
        lh_big_mul(&over, 2, 0);
        if (lh_big_less(&over, &under)) continue;
        lh_big_sub(&over, &under);
        quotient |= 1;
    }
    int drop = quotient >> 54 ? 2 : 1;
    uint64_t low = quotient & ((1u << drop) - 1), half = 1u << (drop - 1);
    quotient >>= drop;
    if (low > half || (low == half && (over.n || quotient & 1))) quotient++;
    shift -= drop;
    double v = (double)quotient;
    if (shift > 1022) return v * 0x1p-1022 * lh_scale(1, 1022 - shift); /* one rounding at most, and it is none */
    return lh_scale(v, -shift);
}

/* Reads a number as JSON writes it. Returns what follows it, 0 where there is none. */
static const char *lh_read_number(const char *s, const char *end, double *v) {
    uint64_t digits = 0;
    int e = 0, seen = 0, point = 0, negative = s < end && *s == '-';
    for (s += negative; s < end; s++) {
        if (*s == '.' && !point) {
            point = 1;
        } else if (*s >= '0' && *s <= '9') {
            seen = 1;
            if (digits < 1000000000000000000u) {
                digits = digits * 10 + (uint64_t)(*s - '0');
                e -= point;
            } else {
                e += !point;
            }
        } else {
            break;
        }
    }
    if (seen && s < end && (*s == 'e' || *s == 'E')) {
        int power = 0, minus = 0;
        s++;
        if (s < end && (*s == '-' || *s == '+')) minus = *s++ == '-';
        for (; s < end && *s >= '0' && *s <= '9'; s++) power = power < 9999 ? power * 10 + *s - '0' : power;
        e += minus ? -power : power;
    }
    *v = negative ? -lh_decimal(digits, e) : lh_decimal(digits, e);
    return seen ? s : 0;
}

/* All decimal digits of v > 0: v = 0.d1d2d3… * 10^(the result). */
static int lh_digits(double v, char *digit, int *count) {
    union {
        double v;
        uint64_t bits;
    } u = {v};
    int e = (int)(u.bits >> 52);
    uint64_t m = u.bits & 0xfffffffffffffu;
    if (e) m |= 1ull << 52;
    e = (e ? e : 1) - 1075;
    lh_big b;
    lh_big_set(&b, m);
    lh_big_pow(&b, e < 0 ? 5 : 2, e < 0 ? -e : e); /* m * 2^-k = m * 5^k / 10^k */
    char backward[800];
    int n = 0;
    while (b.n) backward[n++] = (char)lh_big_div(&b, 10);
    for (int i = 0; i < n; i++) digit[i] = backward[n - 1 - i];
    *count = n;
    return n + (e < 0 ? e : 0);
}

static void lh_put_whole(lh_buffer *out, uint64_t v) {
    char backward[20];
    int n = 0;
    do backward[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n) lh_byte(out, backward[--n]);
}

/* Appends the fewest digits that read back as v, such as 5e-1; the infinite
 * numbers are texts. */
static void lh_put_number(lh_buffer *out, double v) {
    char digit[800];
    int count = 0;
    if (v == __builtin_inf() || v == -__builtin_inf()) {
        lh_puts(out, v < 0 ? "\"-inf\"" : "\"inf\"");
        return;
    }
    if (v < 0) lh_byte(out, '-'), v = -v;
    if (v == 0) {
        lh_byte(out, '0');
        return;
    }
    int point = lh_digits(v, digit, &count), places = 0;
    uint64_t kept = 0;
    while (places < 17) {
        kept = kept * 10 + (uint64_t)(places < count ? digit[places] : 0);
        places++;
        uint64_t near = kept + (places < count && digit[places] >= 5);
        if (lh_decimal(near, point - places) == v) {
            kept = near;
            break;
        }
    }
    int e = point - places;
    for (; kept % 10 == 0; kept /= 10) e++;
    for (; e > 0 && e < 6 && kept < 1000000; e--) kept *= 10; /* 1000, not 1e3 */
    lh_put_whole(out, kept);
    if (e) lh_puts(out, e < 0 ? "e-" : "e"), lh_put_whole(out, (uint64_t)(e < 0 ? -e : e));
}
