/* Steps of gradient descent on the seed network 3-4-5-1 (leaky ReLU after the second layer, |error|),
   one sample: the fastest that was found by hand for it.

   All parameters stay in vector registers for the whole call. W2 is kept by rows and by columns, so
   that neither direction sums across a register. What comes back through the layers is calculated
   without the sign of the error, beside the sum that the sign waits for, and multiplied by it last. */

#include <string.h>

typedef double four __attribute__((vector_size(32)));
typedef double eight __attribute__((vector_size(64))); /* five numbers and zeros */
typedef long long bits __attribute__((vector_size(64)));

static inline double five(eight v) { return (v[0] + v[4] + v[2]) + (v[1] + v[3]); }

void loop(long steps, double rate, const double *x, const double *wanted, double *W1, double *b1,
          double *W2, double *b2, double *W3, double *b3) {
    four w1[3], bias1, columns[5];
    eight rows[4] = {0}, bias2 = {0}, w3 = {0};
    const eight one = (eight){0} + 1, tenth = (eight){0} + 0.1;
    double bias3 = *b3, x0 = x[0], x1 = x[1], x2 = x[2], goal = *wanted;
    memcpy(w1, W1, sizeof w1);
    memcpy(&bias1, b1, sizeof bias1);
    for (int i = 0; i < 4; i++)
        for (int o = 0; o < 5; o++) rows[i][o] = columns[o][i] = W2[i * 5 + o];
    for (int o = 0; o < 5; o++) bias2[o] = b2[o], w3[o] = W3[o];

    for (long step = 0; step < steps; step++) {
        four y1 = (bias1 + x0 * w1[0]) + (x1 * w1[1] + x2 * w1[2]);
        eight y2 = (bias2 + y1[0] * rows[0] + y1[1] * rows[1]) +
                   (y1[2] * rows[2] + y1[3] * rows[3]);
        bits up = y2 >= 0;
        eight slope = (eight)((up & (bits)one) | (~up & (bits)tenth));
        eight a2 = y2 * slope;
        double move = bias3 + five(w3 * a2) > goal ? rate : -rate;

        eight back2 = w3 * slope;
        four back1 = (back2[0] * columns[0] + back2[1] * columns[1]) +
                     (back2[2] * columns[2] + back2[3] * columns[3]) + back2[4] * columns[4];
        back2 *= move;
        back1 *= move;
        bias3 -= move;
        w3 -= move * a2;
        bias2 -= back2;
        bias1 -= back1;
        for (int i = 0; i < 4; i++) rows[i] -= y1[i] * back2;
        for (int o = 0; o < 5; o++) columns[o] -= back2[o] * y1;
        w1[0] -= x0 * back1;
        w1[1] -= x1 * back1;
        w1[2] -= x2 * back1;
    }

    memcpy(W1, w1, sizeof w1);
    memcpy(b1, &bias1, sizeof bias1);
    for (int i = 0; i < 4; i++)
        for (int o = 0; o < 5; o++) W2[i * 5 + o] = rows[i][o];
    for (int o = 0; o < 5; o++) b2[o] = bias2[o], W3[o] = w3[o];
    *b3 = bias3;
}
