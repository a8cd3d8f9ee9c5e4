/* Steps of gradient descent on a network of three layers, as plain loops.

   Compiled for one network: BATCH, N0 to N3 (widths), REAL, ACT1, ACT2 (0 none, 1 tanh, 2 ReLU,
   3 leaky ReLU), LOSS (0 mean |error|, 1 mean error^2, 2 cross-entropy over classes).
   Matrices lie row by row; W is (inner, outer). */

#include <math.h>
#include <stdint.h>

static REAL z1[BATCH * N1], a1[BATCH * N1], d1[BATCH * N1];
static REAL z2[BATCH * N2], a2[BATCH * N2], d2[BATCH * N2];
static REAL out[BATCH * N3], d3[BATCH * N3];

#define SLOPE ((REAL)0.1)

static inline REAL activate(int kind, REAL z) {
    if (kind == 1) return sizeof(REAL) == 4 ? tanhf(z) : tanh(z);
    if (kind == 2) return z > 0 ? z : 0;
    if (kind == 3) return z >= 0 ? z : SLOPE * z;
    return z;
}

static inline REAL slope(int kind, REAL z, REAL a) {
    if (kind == 1) return 1 - a * a;
    if (kind == 2) return z > 0;
    if (kind == 3) return z >= 0 ? 1 : SLOPE;
    return 1;
}

/* z = x W + b */
static inline void layer(int in, int outer, const REAL *restrict x, const REAL *restrict W,
                         const REAL *restrict b, REAL *restrict z) {
    for (int r = 0; r < BATCH; r++) {
        for (int o = 0; o < outer; o++) z[r * outer + o] = b[o];
        for (int i = 0; i < in; i++) {
            REAL factor = x[r * in + i];
            for (int o = 0; o < outer; o++) z[r * outer + o] += factor * W[i * outer + o];
        }
    }
}

/* what comes through W from d, times the slope of the activation below */
static inline void backwards(int in, int outer, int kind, const REAL *restrict d,
                             const REAL *restrict W, const REAL *restrict z,
                             const REAL *restrict a, REAL *restrict below) {
    for (int r = 0; r < BATCH; r++)
        for (int i = 0; i < in; i++) {
            REAL sum = 0;
            for (int o = 0; o < outer; o++) sum += d[r * outer + o] * W[i * outer + o];
            below[r * in + i] = sum * slope(kind, z[r * in + i], a[r * in + i]);
        }
}

/* W -= rate xᵀ d, b -= rate (sum of the rows of d); a row of W stays in the cache meanwhile */
static inline void update(int in, int outer, REAL rate, const REAL *restrict x,
                          const REAL *restrict d, REAL *restrict W, REAL *restrict b) {
    for (int i = 0; i < in; i++)
        for (int r = 0; r < BATCH; r++) {
            REAL factor = rate * x[r * in + i];
            for (int o = 0; o < outer; o++) W[i * outer + o] -= factor * d[r * outer + o];
        }
    for (int r = 0; r < BATCH; r++)
        for (int o = 0; o < outer; o++) b[o] -= rate * d[r * outer + o];
}

static void error(const void *y) {
#if LOSS == 2
    const int64_t *classes = y;
    for (int r = 0; r < BATCH; r++) {
        REAL *score = out + r * N3, *share = d3 + r * N3, top = score[0], total = 0;
        for (int o = 1; o < N3; o++) top = score[o] > top ? score[o] : top;
        for (int o = 0; o < N3; o++) {
            REAL below = score[o] - top;
            total += share[o] = sizeof(REAL) == 4 ? expf(below) : exp(below);
        }
        for (int o = 0; o < N3; o++) share[o] /= total * BATCH;
        share[classes[r]] -= (REAL)1 / BATCH;
    }
#else
    const REAL *wanted = y;
    for (int k = 0; k < BATCH * N3; k++) {
        REAL gap = out[k] - wanted[k];
        d3[k] = (LOSS == 1 ? 2 * gap : gap > 0 ? 1 : -1) / (BATCH * N3);
    }
#endif
}

void loop(long steps, double rate, const REAL *x, const void *y, REAL *W1, REAL *b1, REAL *W2,
          REAL *b2, REAL *W3, REAL *b3) {
    for (long step = 0; step < steps; step++) {
        layer(N0, N1, x, W1, b1, z1);
        for (int k = 0; k < BATCH * N1; k++) a1[k] = activate(ACT1, z1[k]);
        layer(N1, N2, a1, W2, b2, z2);
        for (int k = 0; k < BATCH * N2; k++) a2[k] = activate(ACT2, z2[k]);
        layer(N2, N3, a2, W3, b3, out);
        error(y);
        backwards(N2, N3, ACT2, d3, W3, z2, a2, d2);
        backwards(N1, N2, ACT1, d2, W2, z1, a1, d1);
        update(N2, N3, rate, a2, d3, W3, b3);
        update(N1, N2, rate, a1, d2, W2, b2);
        update(N0, N1, rate, x, d1, W1, b1);
    }
}
