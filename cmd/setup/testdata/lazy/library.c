/* Stands for libllmhost_torch.so: functions that tell how they were called. */
struct five { long v[5]; };

double weigh(long a, long b, long c, long d, long e, long f, long g, long h, double i, double j, double k, double l,
             double m, double n, double o, double p, double q) {
  return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l + 13 * m + 14 * n +
         15 * o + 16 * p + 17 * q;
}

struct five count_from(long first) {
  struct five r;
  for (int i = 0; i < 5; i++) r.v[i] = first + i;
  return r;
}

/* A call of one exported function by another must stay in the library. */
double weigh_ones(void) { return weigh(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1); }
