// The float64 next to a decimal number, in whole numbers of any length: the
// language's own parseFloat may be off by the last bit.

/** A whole number, from its lowest 32 bits on. */
class Big {
  limbs: u32[] = [];

  constructor(v: u64) {
    if (v != 0) this.limbs.push(<u32>v);
    if (v >> 32 != 0) this.limbs.push(<u32>(v >> 32));
  }

  /** this · m^times; nothing where times is below 1 */
  scale(m: u32, times: i32): Big {
    for (; times > 0; times--) {
      let carry: u64 = 0;
      for (let i = 0; i < this.limbs.length; i++) {
        carry += <u64>this.limbs[i] * m;
        this.limbs[i] = <u32>carry;
        carry >>= 32;
      }
      if (carry != 0) this.limbs.push(<u32>carry);
    }
    return this;
  }

  bits(): i32 {
    const n = this.limbs.length;
    return n == 0 ? 0 : 32 * n - <i32>clz(this.limbs[n - 1]);
  }

  less(other: Big): bool {
    if (this.limbs.length != other.limbs.length) return this.limbs.length < other.limbs.length;
    for (let i = this.limbs.length - 1; i >= 0; i--) {
      if (this.limbs[i] != other.limbs[i]) return this.limbs[i] < other.limbs[i];
    }
    return false;
  }

  /** Takes other, which is not more, away. */
  sub(other: Big): void {
    let borrow: i64 = 0;
    for (let i = 0; i < this.limbs.length; i++) {
      borrow += <i64>this.limbs[i] - (i < other.limbs.length ? <i64>other.limbs[i] : 0);
      this.limbs[i] = <u32>borrow;
      borrow >>= 32;
    }
    while (this.limbs.length > 0 && this.limbs[this.limbs.length - 1] == 0) this.limbs.pop();
  }
}

/** v · 2^e, exact where the result is a float64 */
function shifted(v: f64, e: i32): f64 {
  for (; e > 0; e--) v *= 2;
  for (; e < -1022; e++) v *= 0.5;
  return e < 0 ? v * reinterpret<f64>(<u64>(1023 + e) << 52) : v;
}

/** The float64 next to digits · 10^e. */
function nearest(digits: u64, e: i32): f64 {
  if (digits == 0 || e < -400) return 0;
  if (e > 400) return Infinity;
  const over = new Big(digits).scale(10, e);
  const under = new Big(1).scale(10, -e);
  let shift = min(54 - over.bits() + under.bits(), 1075); // below 2^-1075 a float64 has no place
  over.scale(2, shift);
  under.scale(2, 56 - min(shift, 0));
  let quotient: u64 = 0; // over / under, in 54 or 55 bits
  for (let i = 0; i < 56; i++) {
    quotient <<= 1;
    over.scale(2, 1);
    if (over.less(under)) continue;
    over.sub(under);
    quotient |= 1;
  }
  const drop = quotient >> 54 != 0 ? 2 : 1;
  const low = quotient & ((1 << drop) - 1), half: u64 = 1 << (drop - 1);
  quotient >>= drop;
  if (low > half || (low == half && (over.limbs.length > 0 || (quotient & 1) != 0))) quotient++;
  return shifted(<f64>quotient, drop - shift);
}

/** The number that a text stands for, as JSON writes it; NaN where it is none. */
export function decimal(text: string): f64 {
  let digits: u64 = 0, e = 0, seen = false, point = false, i = text.startsWith("-") ? 1 : 0;
  const sign: f64 = i == 1 ? -1 : 1;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c == 0x2e && !point) {
      point = true;
    } else if (c >= 0x30 && c <= 0x39) {
      seen = true;
      const full = digits >= 1000000000000000000;
      if (!full) digits = digits * 10 + (c - 0x30);
      e += (full ? 1 : 0) - (point ? 1 : 0);
    } else {
      break;
    }
  }
  if (i < text.length && (text.charCodeAt(i) | 0x20) == 0x65) e += <i32>parseInt(text.substring(i + 1), 10);
  return seen ? sign * nearest(digits, e) : NaN;
}
