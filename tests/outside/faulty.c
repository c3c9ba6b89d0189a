/* A plugin that fails as its options say. Its forward gives logits of 0.5 for a vocabulary of 131. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plumbline/engine.h"

enum { VOCABULARY = 131 };
static char how[64];

static int is(const char* what) {
  return strcmp(how, what) == 0;
}

static void* open_faulty(const char* checkpoint, const char* dtype, const char* options, int threads,
                         char* error, size_t size) {
  (void)checkpoint, (void)dtype, (void)threads;
  snprintf(how, sizeof how, "%s", options);
  if (is("open fails")) {
    snprintf(error, size, "no kernel for this machine\nand a second line");
    return NULL;
  }
  if (is("open fails without a word")) return NULL;
  if (is("open crashes")) raise(SIGSEGV);
  return how;
}

static const char* describe(void* engine, const char* key) {
  (void)engine;
  if (strcmp(key, "dtype") == 0) return is("no dtype") ? NULL : is("odd dtype") ? "int3" : "float32";
  if (strcmp(key, "contract") == 0 && is("odd contract")) return "soft";
  return NULL;
}

static int run(void* engine, const int64_t* tokens, size_t count, const plumbline_sink* sink,
               char* error, size_t size) {
  (void)engine, (void)tokens;
  if (is("run crashes")) *(volatile int*)8 = 1;
  if (is("run aborts")) abort();
  if (is("run exits")) exit(0);
  if (is("run hangs")) sleep(10000);
  if (is("run cannot")) return PLUMBLINE_CANNOT;
  if (is("run fails")) {
    snprintf(error, size, "out of memory");
    return PLUMBLINE_FAILED;
  }
  if (is("no taps")) return PLUMBLINE_OK;
  const size_t rows = is("short") ? count - 1 : count;
  float* logits = malloc(count * VOCABULARY * sizeof(float));
  for (size_t i = 0; i < count * VOCABULARY; ++i) logits[i] = 0.5f;
  const int64_t shape[2] = {(int64_t)rows, is("narrow") ? VOCABULARY - 1 : VOCABULARY};
  const int64_t vast[2] = {(int64_t)count, (int64_t)1 << 60};
  const int64_t negative[2] = {-1, -1};
  sink->put(sink->context, "logits", is("null") ? NULL : logits,
            is("vast") ? vast : is("negative") ? negative : shape, is("rank") ? 99 : 2);
  sink->put(sink->context, "no.such.tap", logits, shape, 2);
  free(logits);
  return PLUMBLINE_OK;
}

static int reset(void* engine, char* error, size_t size) {
  (void)engine, (void)error, (void)size;
  return PLUMBLINE_OK;
}

static void close_faulty(void* engine) {
  (void)engine;
  if (is("close crashes")) raise(SIGSEGV);
}

const plumbline_engine_table* plumbline_engine(void) {
  static const plumbline_engine_table table = {PLUMBLINE_ENGINE_VERSION, open_faulty, describe, run,
                                               reset, close_faulty};
  return &table;
}
