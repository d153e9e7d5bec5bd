/* A runtime in C99 that speaks the subprocess protocol of distilspec (docs/protocol.md):
 *     cc -std=c99 -O2 -o runtime runtime.c -lm && distilspec check "exec:./runtime"
 * It calculates in double and rounds to float once. The machine must be little-endian, as the files are.
 * When something is wrong it ends, with the reason on standard error; it is then started again. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_LINE = 1 << 20, MOST_AXES = 32, MOST_OPERANDS = 8 };
typedef enum { FLOAT32, INT64, INT32, INT8, UINT8, BOOL, TYPES } Type;
static const struct { const char *name; size_t size; } TYPE[TYPES] = {
    {"float32", 4}, {"int64", 8}, {"int32", 4}, {"int8", 1}, {"uint8", 1}, {"bool", 1}};
typedef struct { Type type; int rank; size_t shape[MOST_AXES], size; void *data; } Tensor;

static char line[LONGEST_LINE + 1], op[32]; /* the request, and its operator */
static Tensor operands[MOST_OPERANDS], y;   /* y is the result */
static int operand_count;
static void expect(int found, const char *what) { if (!found) fprintf(stderr, "expected %s\n", what), exit(1); }

/* A request is one flat JSON object. "KEY": stands in it once, just before the value, and nowhere inside of a text. */
static const char *value_of(const char *key, const char *rest_of_key) {
    char quoted[128];
    snprintf(quoted, sizeof quoted, "\"%s%s\":", key, rest_of_key);
    const char *found = strstr(line, quoted);
    return found ? found + strlen(quoted) : NULL;
}

static FILE *open_file(const char *name, const char *mode) {
    char folder[4000], path[4100];
    expect(sscanf(value_of("folder", ""), "\"%3999[^\"\\]\"", folder) == 1, "a folder without \" and \\");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    expect(file != NULL, "a file that can be opened");
    return file;
}

static void make(Tensor *t, Type type) {
    t->type = type;
    t->size = 1;
    for (int axis = 0; axis < t->rank; axis++) t->size *= t->shape[axis];
    t->data = malloc(t->size * TYPE[type].size + 1);
    expect(t->data != NULL, "memory");
}
static void make_result(const Tensor *shaped, Type type) { y = *shaped, make(&y, type); }

static Tensor operand(const char *name) { /* without data if it is absent */
    char key[64], type_name[16], file_name[64];
    snprintf(key, sizeof key, "input.%s", name);
    const char *shape = value_of(key, ".shape");
    Tensor *t = &operands[operand_count++];
    if (!shape) return *t;
    while (*shape != ']' && *++shape != ']' && t->rank < MOST_AXES)
        t->shape[t->rank++] = strtoull(shape, (char **)&shape, 10);
    sscanf(value_of(key, ".dtype"), "\"%15[^\"]", type_name);
    sscanf(value_of(key, ".file"), "\"%63[^\"]", file_name);
    int type = 0;
    while (type < TYPES && strcmp(type_name, TYPE[type].name)) type++;
    expect(type < TYPES, "a dtype that is known here");
    make(t, type);
    FILE *file = open_file(file_name, "rb");
    expect(fread(t->data, TYPE[type].size, t->size, file) == t->size, "a file as long as its shape says");
    fclose(file);
    return *t;
}

static double at(const Tensor *t, size_t i) {
    if (t->type == FLOAT32) return ((float *)t->data)[i];
    if (t->type == INT32) return ((int32_t *)t->data)[i];
    return t->type == INT8 ? ((int8_t *)t->data)[i] : ((uint8_t *)t->data)[i];
}

static size_t place(const Tensor *t, size_t i) { /* of the element beside y[i], to whose shape t broadcasts */
    size_t found = 0, stride = 1;
    for (int own = t->rank - 1, axis = y.rank - 1; own >= 0; i /= y.shape[axis], own--, axis--) {
        if (t->shape[own] > 1) found += i % y.shape[axis] * stride;
        stride *= t->shape[own];
    }
    return found;
}
static double beside(const Tensor *t, size_t i) { return t->data ? at(t, place(t, i)) : 0; }

static int axis_of(const Tensor *x) { /* counted from the front; x->rank if there is none */
    const char *value = value_of("attribute.axis", "");
    return *value == 'n' ? x->rank : *value == '-' ? atoi(value) + x->rank : atoi(value);
}

static void put_real(size_t i, double real) { ((float *)y.data)[i] = (float)real; }
static void put_code(size_t i, float real, double scale, double zero_point) {
    const double low = y.type == INT8 ? -128 : 0, code = rintf(real / (float)scale) + zero_point;
    ((uint8_t *)y.data)[i] = (uint8_t)(int)fmax(low, fmin(code, low + 255)); /* the bits are those of int8 too */
}

static void add(void) {
    const Tensor a = operand("a"), b = operand("b");
    Tensor shaped = a.rank > b.rank ? a : b, other = a.rank > b.rank ? b : a;
    for (int own = other.rank - 1, axis = shaped.rank - 1; own >= 0; own--, axis--)
        if (shaped.shape[axis] == 1) shaped.shape[axis] = other.shape[own];
    make_result(&shaped, a.type);
    for (size_t i = 0; i < y.size; i++)
        if (a.type == FLOAT32) put_real(i, beside(&a, i) + beside(&b, i));
        else ((int64_t *)y.data)[i] = ((int64_t *)a.data)[place(&a, i)] + ((int64_t *)b.data)[place(&b, i)];
}

static void gelu(void) {
    const Tensor x = operand("x");
    make_result(&x, FLOAT32);
    for (size_t i = 0; i < y.size; i++)
        put_real(i, at(&x, i) == -INFINITY ? 0 : at(&x, i) * erfc(-at(&x, i) * sqrt(0.5)) / 2);
}

static void softmax(void) {
    const Tensor x = operand("x"), mask = operand("mask");
    size_t n = x.shape[axis_of(&x)], stride = 1;
    make_result(&x, FLOAT32);
    for (int axis = axis_of(&x) + 1; axis < x.rank; axis++) stride *= x.shape[axis];
    for (size_t row = 0; row * n < x.size; row++) {
        const size_t first = row / stride * stride * n + row % stride, end = first + n * stride;
        double largest = -INFINITY, sum = 0;
        for (size_t i = first; i < end; i += stride)
            if (!mask.data || beside(&mask, i)) largest = fmax(largest, at(&x, i));
        for (size_t i = first; i < end; i += stride)
            if (!mask.data || beside(&mask, i)) sum += exp(at(&x, i) - largest);
        for (size_t i = first; i < end; i += stride)
            put_real(i, !mask.data || beside(&mask, i) ? exp(at(&x, i) - largest) / sum : 0);
    }
}

static void layer_norm(void) {
    const Tensor x = operand("x"), weight = operand("weight"), bias = operand("bias");
    const double epsilon = atof(value_of("attribute.epsilon", ""));
    const size_t n = x.shape[x.rank - 1];
    make_result(&x, FLOAT32);
    for (size_t row = 0; row < x.size; row += n) {
        double mean = 0, variance = 0;
        for (size_t i = row; i < row + n; i++) mean += at(&x, i) / n;
        for (size_t i = row; i < row + n; i++) variance += pow(at(&x, i) - mean, 2) / n;
        for (size_t i = row; i < row + n; i++)
            put_real(i, (at(&x, i) - mean) / sqrt(variance + epsilon) * beside(&weight, i) + beside(&bias, i));
    }
}

static void quantize(void) { /* and dequantize */
    const int back = *op == 'd';
    Tensor x = operand(back ? "codes" : "x"), scale = operand("scale"), zero_point = operand("zero_point");
    make_result(&x, back ? FLOAT32 : zero_point.type);
    for (int i = axis_of(&x) + 1; i < x.rank; i++) /* a vector along an axis broadcasts when axes of 1 follow it */
        scale.shape[scale.rank++] = zero_point.shape[zero_point.rank++] = 1;
    for (size_t i = 0; i < y.size; i++)
        if (back) put_real(i, (at(&x, i) - beside(&zero_point, i)) * beside(&scale, i));
        else put_code(i, (float)at(&x, i), beside(&scale, i), beside(&zero_point, i));
}

static void linear(void) { /* and quantized_linear, whose sums of integers a double holds exactly */
    const Tensor x = operand("x"), weight = operand("weight"), bias = operand("bias"), x_scale = operand("x_scale"),
                 x_zero_point = operand("x_zero_point"), weight_scale = operand("weight_scale"),
                 y_scale = operand("y_scale"), y_zero_point = operand("y_zero_point");
    const size_t n = weight.shape[1], out_features = weight.shape[0];
    Tensor shaped = x;
    shaped.shape[x.rank - 1] = out_features;
    make_result(&shaped, y_scale.data ? y_zero_point.type : FLOAT32);
    for (size_t i = 0; i < y.size; i++) {
        const size_t row = i / out_features * n, column = i % out_features * n;
        double sum = 0;
        for (size_t k = 0; k < n; k++) sum += (at(&x, row + k) - beside(&x_zero_point, 0)) * at(&weight, column + k);
        sum = (x_scale.data ? sum * (beside(&x_scale, i) * beside(&weight_scale, i)) : sum) + beside(&bias, i);
        y_scale.data ? put_code(i, (float)sum, at(&y_scale, 0), at(&y_zero_point, 0)) : put_real(i, sum);
    }
}

static const struct { const char *name; void (*apply)(void); } OPERATORS[] = {
    {"add", add}, {"dequantize", quantize}, {"gelu", gelu}, {"layer_norm", layer_norm}, {"linear", linear},
    {"quantize", quantize}, {"quantized_linear", linear}, {"softmax", softmax}, {NULL, NULL}};

static void answer(void) {
    sscanf(value_of("op", ""), "\"%31[^\"]", op);
    int known = 0;
    while (OPERATORS[known].name && strcmp(op, OPERATORS[known].name)) known++;
    expect(OPERATORS[known].name != NULL, "an operator that is known here");
    OPERATORS[known].apply();
    FILE *file = open_file("y", "wb");
    expect(fwrite(y.data, TYPE[y.type].size, y.size, file) == y.size && !fclose(file), "room for the result");
    printf("{\"id\":%ld,\"status\":\"ok\",\"output.y.file\":\"y\",\"output.y.dtype\":\"%s\",\"output.y.shape\":[",
           atol(value_of("id", "")), TYPE[y.type].name);
    for (int axis = 0; axis < y.rank; axis++) printf(axis ? ",%zu" : "%zu", y.shape[axis]);
    puts("]}");
}

int main(void) {
    printf("{\"protocol\":1,\"name\":\"c-example\",\"version\":\"1.0\",\"ops\":[");
    for (int i = 0; OPERATORS[i].name; i++) printf(i ? ",\"%s\"" : "\"%s\"", OPERATORS[i].name);
    puts("]}");
    while (fflush(stdout) == 0 && fgets(line, sizeof line, stdin) && !strstr(line, "\"do\":\"quit\"")) {
        answer();
        for (; operand_count; operands[operand_count] = (Tensor){0}) free(operands[--operand_count].data);
        free(y.data);
    }
}
