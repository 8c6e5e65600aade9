/* A small ReLU network that trains itself in C and answers flowlaw's questions about it (docs/protocol.md).
 *
 *     cc -O2 -o client examples/client.c -lm
 *     flowlaw gate examples.gate_process:targets
 *
 * Three inputs, four ReLU units, four classes, softmax cross-entropy; SGD with momentum, dampening and weight decay as
 * PyTorch has it. C99 on a little-endian machine, nothing but libc and libm. With --bug=NAME one thing is wrong. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { I = 3, H = 4, C = 4, BATCH = 8, W1 = 0, B1 = H * I, W2 = B1 + H, B2 = W2 + C * H, N = B2 + C, STATES = 16 };
static const double lr = 0.05, momentum = 0.9, dampening = 0.25, decay = 0.01;
static const char *bug = "";
struct state { double theta[N], buffer[N]; int begun; };

static int is(const char *name) { return strcmp(bug, name) == 0; }
static void die(const char *says) { fprintf(stderr, "client: %s\n", says); exit(1); }

/* xorshift64*, started by a splitmix of the seed: seeds that are near give numbers that are not */
static uint64_t bits;
static void seed(uint64_t n) {
    n += 0x9E3779B97F4A7C15u;
    n = (n ^ (n >> 30)) * 0xBF58476D1CE4E5B9u;
    n = (n ^ (n >> 27)) * 0x94D049BB133111EBu;
    bits = n ^ (n >> 31) ? n ^ (n >> 31) : 1;
}
static double uniform(void) {
    bits ^= bits >> 12, bits ^= bits << 25, bits ^= bits >> 27;
    return (double)((bits * 0x2545F4914F6CDD1Du) >> 11) / 4503599627370496.0 - 1;  /* from -1 to 1 */
}

/* the mean loss of a batch; its gradient goes to g */
static double loss_and_gradient(const double *p, uint64_t batch, double *g) {
    double total = 0;
    memset(g, 0, N * sizeof *g);
    seed(2 * batch + 1);
    for (int n = 0; n < BATCH; n++) {
        double x[I], z[H], h[H], o[C], d[H], sum = 0, top = -INFINITY;
        for (int i = 0; i < I; i++) x[i] = 2 * uniform();
        int label = (int)((uniform() + 1) / 2 * C);
        for (int j = 0; j < H; j++) {
            z[j] = p[B1 + j];
            for (int i = 0; i < I; i++) z[j] += p[W1 + I * j + i] * x[i];
            h[j] = z[j] > 0 ? z[j] : 0, d[j] = 0;
        }
        for (int k = 0; k < C; k++) {
            o[k] = p[B2 + k];
            for (int j = 0; j < H; j++) o[k] += p[W2 + H * k + j] * h[j];
            if (o[k] > top) top = o[k];
        }
        for (int k = 0; k < C; k++) sum += exp(o[k] - top);
        total += log(sum) + top - o[label];
        for (int k = 0; k < C; k++) {
            double e = (exp(o[k] - top) / sum - (k == label)) / BATCH;
            g[B2 + k] += e;
            for (int j = 0; j < H; j++) {
                g[is("transposed-gradient") ? W2 + H * j + k : W2 + H * k + j] += e * h[j];
                d[j] += e * p[W2 + H * k + j];
            }
        }
        for (int j = 0; j < H; j++) {
            if (z[j] <= 0) continue;
            if (!is("lost-bias-gradient")) g[B1 + j] += d[j];
            for (int i = 0; i < I; i++) g[W1 + I * j + i] += d[j] * x[i];
        }
    }
    return total / BATCH;
}

static void step(struct state *s, uint64_t batch) {
    double g[N];
    loss_and_gradient(s->theta, batch, g);
    int damped = s->begun || is("damped-first-step");
    for (int n = 0; n < N; n++) {
        int outside = is("decay-outside-momentum") || (is("no-decay-on-bias") && n >= B2);
        double d = g[n] + (outside ? 0 : decay * s->theta[n]);
        s->buffer[n] = momentum * s->buffer[n] + (damped ? 1 - dampening : 1) * d;
        double move = is("nesterov") ? d + momentum * s->buffer[n] : s->buffer[n];
        s->theta[n] -= lr * (move + (is("decay-outside-momentum") ? decay * s->theta[n] : 0));
    }
    if (is("forgotten-momentum")) memset(s->buffer, 0, sizeof s->buffer);
    s->begun = 1;
}

/* All tensors, as safetensors: the bodies that come have the tensors of "hello" in order and without a gap, so that
 * after the header there are N doubles. The one that goes out has the same header each time. */
static const char layout[] = "{\"w1\":{\"dtype\":\"F64\",\"shape\":[4,3],\"data_offsets\":[0,96]},"
                             "\"b1\":{\"dtype\":\"F64\",\"shape\":[4],\"data_offsets\":[96,128]},"
                             "\"w2\":{\"dtype\":\"F64\",\"shape\":[4,4],\"data_offsets\":[128,256]},"
                             "\"b2\":{\"dtype\":\"F64\",\"shape\":[4],\"data_offsets\":[256,288]}}";
/* What the loss does not see: a ReLU neuron may be scaled against its outgoing weights, and all classes may be shifted
 * together. Declared here, it is tested; left out, flowlaw looks for it in the gradients, wrong ones included. */
#define FOUR "\"members\":[0,1,2,3],\"indices\":[0,1,2,3]"
static const char families[] =
    "[{\"kind\":\"scalings\",\"row\":\"M2\",\"names\":[\"unit 0\",\"unit 1\",\"unit 2\",\"unit 3\"],\"slices\":["
    "{\"tensor\":\"w1\",\"axis\":0," FOUR ",\"weights\":[1,1,1,1]},"
    "{\"tensor\":\"b1\",\"axis\":0," FOUR ",\"weights\":[1,1,1,1]},"
    "{\"tensor\":\"w2\",\"axis\":1," FOUR ",\"weights\":[-1,-1,-1,-1]}]},"
    "{\"kind\":\"shifts\",\"row\":\"M17\",\"names\":[\"column 0\",\"column 1\",\"column 2\",\"column 3\","
    "\"b2\"],\"slices\":["
    "{\"tensor\":\"w2\",\"axis\":1," FOUR ",\"weights\":[1,1,1,1]},"
    "{\"tensor\":\"b2\",\"axis\":null,\"members\":[4],\"indices\":[0],\"weights\":[1]}]}]";
static void receive(double *theta, size_t bytes) {
    static char body[65536];
    uint64_t header;
    if (bytes > sizeof body || fread(body, 1, bytes, stdin) != bytes) die("the body is too long or cut short");
    memcpy(&header, body, 8);
    if (bytes < 8 || header > bytes - 8 || bytes - 8 - header != N * 8) die("the body has other tensors");
    memcpy(theta, body + 8 + header, N * 8);
}
static void answer(const char *request, const char *more, const double *theta) {
    uint64_t header = sizeof layout - 1;
    printf("{\"flowlaw\":1,\"answer\":\"%s\"%s,\"bytes\":%zu}\n", request, more, theta ? 8 + sizeof layout - 1 + N * 8 : 0);
    if (theta) fwrite(&header, 8, 1, stdout), fwrite(layout, 1, header, stdout), fwrite(theta, 8, N, stdout);
    fflush(stdout);
}

int main(int count, char **arguments) {
    static struct state states[STATES];
    static char line[65536], more[2048];
    double theta[N], gradient[N];
    if (count > 1 && strncmp(arguments[1], "--bug=", 6) == 0) bug = arguments[1] + 6;
    while (fgets(line, sizeof line, stdin)) {
        char request[16];
        unsigned long long a = 0, b = 0;
        size_t bytes = 0;
        const char *rest = strstr(line, "\"bytes\":");
        /* the order of the fields is fixed, so two numbers at most follow the name of the request */
        if (sscanf(line, "{\"flowlaw\":1,\"request\":\"%15[a-z]\",\"%*[a-z]\":%llu,\"%*[a-z]\":%llu", request, &a, &b) < 1 ||
            !rest || sscanf(rest + 8, "%zu", &bytes) != 1) die("this is no request of version 1");
        if (bytes) receive(theta, bytes);
        more[0] = 0;
        if (!strcmp(request, "hello")) {
            snprintf(more, sizeof more, ",\"dtype\":\"float64\",\"roundings\":64,\"families\":%s,"
                     "\"tensors\":{\"w1\":[4,3],\"b1\":[4],\"w2\":[4,4],\"b2\":[4]}", families);
            answer(request, more, NULL);
        } else if (!strcmp(request, "optimizer")) {
            snprintf(more, sizeof more, ",\"optimizer\":{\"kind\":\"sgd\",\"lr\":%.17g,\"momentum\":%.17g,"
                     "\"dampening\":%.17g,\"weight_decay\":%.17g}", lr, momentum, dampening, decay);
            answer(request, more, NULL);
        } else if (!strcmp(request, "draw")) {
            seed(2 * a);
            for (int n = 0; n < N; n++) theta[n] = uniform();
            answer(request, "", theta);
        } else if (!strcmp(request, "gradient")) {
            double loss = loss_and_gradient(theta, a, gradient);
            snprintf(more, sizeof more, isfinite(loss) ? ",\"loss\":%.17g" : ",\"loss\":\"nan\"", loss);
            answer(request, more, gradient);
        } else if (a >= STATES) die("there are 16 states");
        else if (!strcmp(request, "start")) {
            memset(&states[a], 0, sizeof states[a]), memcpy(states[a].theta, theta, sizeof theta);
            answer(request, "", NULL);
        } else if (!strcmp(request, "step")) {
            step(&states[a], b);
            answer(request, "", NULL);
        } else if (!strcmp(request, "read")) answer(request, "", states[a].theta);
        else answer("error", ",\"message\":\"no such request\"", NULL);
    }
    return 0;
}
