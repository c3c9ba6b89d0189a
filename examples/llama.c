/* A Llama in one file of C: an engine that Plumbline judges through plumbline/engine.h.
 *
 *   cc -O2 -shared -fPIC -I . -o llama.so examples/llama.c -lm
 *   plumb synth llama -o /tmp/llama && plumb check /tmp/llama --candidate plugin:./llama.so
 *
 * It reads one model.safetensors in float32 or bfloat16, computes in float32, keeps keys and values
 * of earlier calls, and hands over "logits", "layer.<i>.mixer_out", "layer.<i>.ffn_out" and
 * "layer.<i>.out". No rope scaling, no biases: the plain model. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plumbline/engine.h"

enum { MOST_POSITIONS = 4096 };

typedef struct {
  char* header; /* of model.safetensors, JSON */
  char* data;
  int hidden, intermediate, layers, heads, kv_heads, head_dim, vocab;
  double eps, theta;
  int position;
  float *keys, *values; /* [layers, MOST_POSITIONS, kv_heads * head_dim] */
} Llama;

static void* fail(char* error, size_t size, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error, size, format, arguments);
  va_end(arguments);
  return NULL;
}

static char* read_file(const char* folder, const char* name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE* file = fopen(path, "rb");
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char* text = malloc((size_t)size + 1);
  if (fread(text, 1, (size_t)size, file) != (size_t)size) size = 0;
  text[size] = '\0';
  fclose(file);
  return text;
}

static double number(const char* json, const char* key, double otherwise) {
  char quoted[80];
  snprintf(quoted, sizeof quoted, "\"%s\":", key);
  const char* at = strstr(json, quoted);
  if (at == NULL) return otherwise;
  char* end;
  const double value = strtod(at + strlen(quoted), &end);
  return end == at + strlen(quoted) ? otherwise : value;
}

/* A weight as float32, to be freed; NULL where there is none of this name. */
static float* weight(const Llama* m, const char* name, size_t count) {
  char quoted[160];
  snprintf(quoted, sizeof quoted, "\"%s\":", name);
  const char* entry = strstr(m->header, quoted);
  if (entry == NULL) return NULL;
  const char* offsets = strstr(entry, "\"data_offsets\":[");
  const char* dtype = strstr(entry, "\"dtype\":\"");
  const char* bytes = m->data + strtoll(offsets + 16, NULL, 10);
  float* values = malloc(count * sizeof(float));
  if (strncmp(dtype + 9, "F32", 3) == 0) {
    memcpy(values, bytes, count * sizeof(float));
  } else { /* bfloat16: the upper half of a float32 */
    for (size_t i = 0; i < count; ++i) {
      uint16_t half;
      memcpy(&half, bytes + 2 * i, 2);
      const uint32_t bits = (uint32_t)half << 16;
      memcpy(&values[i], &bits, 4);
    }
  }
  return values;
}

static float* layer_weight(const Llama* m, int layer, const char* name, size_t count) {
  char full[160];
  snprintf(full, sizeof full, "model.layers.%d.%s.weight", layer, name);
  return weight(m, full, count);
}

static void* open_llama(const char* checkpoint, const char* dtype, const char* options, int threads,
                        char* error, size_t size) {
  (void)options;
  (void)threads;
  if (*dtype != '\0' && strcmp(dtype, "float32") != 0) {
    return fail(error, size, "computes in float32 alone");
  }
  char* config = read_file(checkpoint, "config.json");
  char* file = read_file(checkpoint, "model.safetensors");
  if (config == NULL || file == NULL) {
    return fail(error, size, "%s holds no config.json and model.safetensors", checkpoint);
  }
  if (strstr(config, "\"llama\"") == NULL) return fail(error, size, "is an engine for llama alone");
  char* compact = malloc(strlen(config) + 1); /* without blanks */
  size_t length = 0;
  for (const char* c = config; *c != '\0'; ++c) {
    if (strchr(" \n\t", *c) == NULL) compact[length++] = *c;
  }
  compact[length] = '\0';
  Llama* m = calloc(1, sizeof *m);
  uint64_t header;
  memcpy(&header, file, sizeof header);
  m->header = file + 8;
  m->data = file + 8 + header;
  m->data[-1] = '\0'; /* the brace or blank that ends the header */
  m->hidden = (int)number(compact, "hidden_size", 0);
  m->intermediate = (int)number(compact, "intermediate_size", 0);
  m->layers = (int)number(compact, "num_hidden_layers", 0);
  m->heads = (int)number(compact, "num_attention_heads", 1);
  m->kv_heads = (int)number(compact, "num_key_value_heads", m->heads);
  m->head_dim = (int)number(compact, "head_dim", m->hidden / m->heads);
  m->vocab = (int)number(compact, "vocab_size", 0);
  m->eps = number(compact, "rms_norm_eps", 1e-6);
  m->theta = number(compact, "rope_theta", 10000.0);
  const size_t kept = (size_t)m->layers * MOST_POSITIONS * m->kv_heads * m->head_dim;
  m->keys = calloc(kept, sizeof(float));
  m->values = calloc(kept, sizeof(float));
  free(compact);
  free(config);
  return m;
}

static const char* describe(void* engine, const char* key) {
  (void)engine;
  if (strcmp(key, "dtype") == 0) return "float32";
  return strcmp(key, "producer") == 0 ? "examples/llama.c" : NULL;
}

/* y[T, out] = x[T, in] w[out, in]^T; frees w. */
static void multiply(const float* x, float* w, float* y, int rows, int in, int out) {
  for (int t = 0; t < rows; ++t) {
    for (int o = 0; o < out; ++o) {
      float sum = 0.0f;
      for (int i = 0; i < in; ++i) sum += x[t * in + i] * w[(size_t)o * in + i];
      y[(size_t)t * out + o] = sum;
    }
  }
  free(w);
}

static void rms_norm(const Llama* m, const float* x, float* w, float* y, int rows) {
  for (int t = 0; t < rows; ++t, x += m->hidden, y += m->hidden) {
    float squares = 0.0f;
    for (int i = 0; i < m->hidden; ++i) squares += x[i] * x[i];
    const float scale = 1.0f / sqrtf(squares / (float)m->hidden + (float)m->eps);
    for (int i = 0; i < m->hidden; ++i) y[i] = x[i] * scale * w[i];
  }
  free(w);
}

static void rotate(const Llama* m, float* x, int rows, int heads) {
  const int half = m->head_dim / 2;
  for (int t = 0; t < rows; ++t) {
    for (int h = 0; h < heads; ++h, x += m->head_dim) {
      for (int i = 0; i < half; ++i) {
        const float frequency = 1.0f / powf((float)m->theta, 2.0f * (float)i / (float)m->head_dim);
        const float angle = (float)(m->position + t) * frequency;
        const float a = x[i], b = x[i + half];
        x[i] = a * cosf(angle) - b * sinf(angle);
        x[i + half] = b * cosf(angle) + a * sinf(angle);
      }
    }
  }
}

/* out[T, heads * head_dim] of q over all positions kept so far. */
static void attend(const Llama* m, int layer, const float* q, float* out, int rows) {
  const size_t width = (size_t)m->kv_heads * m->head_dim;
  const float* keys = m->keys + (size_t)layer * MOST_POSITIONS * width;
  const float* values = m->values + (size_t)layer * MOST_POSITIONS * width;
  float* scores = malloc(MOST_POSITIONS * sizeof(float));
  for (int t = 0; t < rows; ++t) {
    for (int h = 0; h < m->heads; ++h, q += m->head_dim, out += m->head_dim) {
      const size_t head = (size_t)(h / (m->heads / m->kv_heads)) * m->head_dim;
      const int seen = m->position + t + 1;
      float most = -INFINITY, sum = 0.0f;
      for (int s = 0; s < seen; ++s) {
        scores[s] = 0.0f;
        for (int i = 0; i < m->head_dim; ++i) scores[s] += q[i] * keys[s * width + head + i];
        scores[s] /= sqrtf((float)m->head_dim);
        most = fmaxf(most, scores[s]);
      }
      for (int s = 0; s < seen; ++s) sum += scores[s] = expf(scores[s] - most);
      for (int i = 0; i < m->head_dim; ++i) {
        out[i] = 0.0f;
        for (int s = 0; s < seen; ++s) out[i] += scores[s] / sum * values[s * width + head + i];
      }
    }
  }
  free(scores);
}

static void hand_over(const plumbline_sink* sink, int layer, const char* what, const float* values,
                      int rows, int width) {
  char name[64];
  if (layer < 0) {
    snprintf(name, sizeof name, "%s", what);
  } else {
    snprintf(name, sizeof name, "layer.%d.%s", layer, what);
  }
  const int64_t shape[2] = {rows, width};
  if (sink->wants(sink->context, name)) sink->put(sink->context, name, values, shape, 2);
}

static void run_layer(Llama* m, int layer, float* x, int rows, const plumbline_sink* sink) {
  const int h = m->hidden, q_width = m->heads * m->head_dim, kv_width = m->kv_heads * m->head_dim;
  float* normed = malloc((size_t)rows * h * sizeof(float));
  float* q = malloc((size_t)rows * q_width * sizeof(float));
  float* context = malloc((size_t)rows * q_width * sizeof(float));
  float* gate = malloc((size_t)rows * m->intermediate * sizeof(float));
  float* up = malloc((size_t)rows * m->intermediate * sizeof(float));
  float* out = malloc((size_t)rows * h * sizeof(float));
  const size_t kept = ((size_t)layer * MOST_POSITIONS + m->position) * kv_width;
  rms_norm(m, x, layer_weight(m, layer, "input_layernorm", h), normed, rows);
  multiply(normed, layer_weight(m, layer, "self_attn.q_proj", (size_t)q_width * h), q, rows, h, q_width);
  multiply(normed, layer_weight(m, layer, "self_attn.k_proj", (size_t)kv_width * h), m->keys + kept,
           rows, h, kv_width);
  multiply(normed, layer_weight(m, layer, "self_attn.v_proj", (size_t)kv_width * h),
           m->values + kept, rows, h, kv_width);
  rotate(m, q, rows, m->heads);
  rotate(m, m->keys + kept, rows, m->kv_heads);
  attend(m, layer, q, context, rows);
  multiply(context, layer_weight(m, layer, "self_attn.o_proj", (size_t)q_width * h), out, rows,
           q_width, h);
  hand_over(sink, layer, "mixer_out", out, rows, h);
  for (int i = 0; i < rows * h; ++i) x[i] += out[i];
  rms_norm(m, x, layer_weight(m, layer, "post_attention_layernorm", h), normed, rows);
  const size_t mlp = (size_t)m->intermediate * h;
  multiply(normed, layer_weight(m, layer, "mlp.gate_proj", mlp), gate, rows, h, m->intermediate);
  multiply(normed, layer_weight(m, layer, "mlp.up_proj", mlp), up, rows, h, m->intermediate);
  for (int i = 0; i < rows * m->intermediate; ++i) gate[i] *= up[i] / (1.0f + expf(-gate[i]));
  multiply(gate, layer_weight(m, layer, "mlp.down_proj", mlp), out, rows, m->intermediate, h);
  hand_over(sink, layer, "ffn_out", out, rows, h);
  for (int i = 0; i < rows * h; ++i) x[i] += out[i];
  hand_over(sink, layer, "out", x, rows, h);
  free(normed), free(q), free(context), free(gate), free(up), free(out);
}

static int run(void* engine, const int64_t* tokens, size_t count, const plumbline_sink* sink,
               char* error, size_t size) {
  Llama* m = engine;
  const int rows = (int)count;
  if (m->position + rows > MOST_POSITIONS) {
    fail(error, size, "keeps %d positions", MOST_POSITIONS);
    return PLUMBLINE_CANNOT;
  }
  const size_t table = (size_t)m->vocab * m->hidden;
  float* embedding = weight(m, "model.embed_tokens.weight", table);
  float* x = malloc(count * m->hidden * sizeof(float));
  for (size_t t = 0; t < count; ++t) {
    memcpy(x + t * m->hidden, embedding + (size_t)tokens[t] * m->hidden, m->hidden * sizeof(float));
  }
  for (int layer = 0; layer < m->layers; ++layer) run_layer(m, layer, x, rows, sink);
  rms_norm(m, x, weight(m, "model.norm.weight", m->hidden), x, rows);
  float* head = weight(m, "lm_head.weight", table);
  float* logits = malloc(count * m->vocab * sizeof(float));
  if (head == NULL) head = weight(m, "model.embed_tokens.weight", table); /* tied */
  multiply(x, head, logits, rows, m->hidden, m->vocab);
  hand_over(sink, -1, "logits", logits, rows, m->vocab);
  free(embedding), free(x), free(logits);
  m->position += rows;
  return PLUMBLINE_OK;
}

static int reset(void* engine, char* error, size_t size) {
  (void)error;
  (void)size;
  ((Llama*)engine)->position = 0;
  return PLUMBLINE_OK;
}

static void close_llama(void* engine) {
  Llama* m = engine;
  free(m->header - 8);
  free(m->keys);
  free(m->values);
  free(m);
}

const plumbline_engine_table* plumbline_engine(void) {
  static const plumbline_engine_table table = {
      PLUMBLINE_ENGINE_VERSION, open_llama, describe, run, reset, close_llama};
  return &table;
}
