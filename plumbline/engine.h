/* The C interface of an engine that Plumbline judges: `--candidate plugin:FILE.so[:OPTIONS]`.
 *
 * A shared library exports one function, plumbline_engine(), that gives a table of functions. They
 * are called from one thread of a process of their own, so a crash harms nobody and is reported.
 * Taps are named in docs/formats.md: "logits" [T, V], "layer.0.out" [T, H], ...; T are the
 * positions of one call. examples/llama.c is an engine in one file.
 *
 *   cc -shared -fPIC -I PLUMBLINE -o engine.so engine.c
 *   plumb check CHECKPOINT --candidate plugin:./engine.so
 */
#ifndef PLUMBLINE_ENGINE_H
#define PLUMBLINE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUMBLINE_ENGINE_VERSION 1

/* What a function gives that did what it was asked, that failed (and wrote why into `error`), and
 * that cannot do it at all: what was to be judged is then skipped. */
#define PLUMBLINE_OK 0
#define PLUMBLINE_FAILED 1
#define PLUMBLINE_CANNOT 75

/* Takes what a call computes. */
typedef struct plumbline_sink {
  void* context;
  /* Is this tap wished for? One that is not may be handed over all the same. */
  int (*wants)(void* context, const char* tap);
  /* Row-major float32, the first of `rank` axes the position; copied before put() returns. */
  void (*put)(void* context, const char* tap, const float* values, const int64_t* shape, int rank);
} plumbline_sink;

typedef struct plumbline_engine_table {
  int version; /* PLUMBLINE_ENGINE_VERSION */

  /* Opens a checkpoint folder. `dtype` is "float32", ... or "" where any will do; `options` is what
   * the command line has after the file's name. NULL on failure, with one line of text in `error`.
   */
  void* (*open)(const char* checkpoint, const char* dtype, const char* options, int threads,
                char* error, size_t error_size);
  /* "dtype": the precision it computes in, float32, bfloat16, float16 or float64; "producer": its
   * name and version; "contract": a precision contract of docs/judgement.md. NULL: not stated; a
   * dtype has to be. Valid until close(). */
  const char* (*describe)(void* engine, const char* key);
  /* Runs the next tokens of the one sequence that the engine keeps, and hands over their taps. */
  int (*run)(void* engine, const int64_t* tokens, size_t count, const plumbline_sink* sink,
             char* error, size_t error_size);
  /* Forgets the sequence: the next token is at position 0. */
  int (*reset)(void* engine, char* error, size_t error_size);
  void (*close)(void* engine);
} plumbline_engine_table;

/* The one function to export. The table outlives the library's use. */
const plumbline_engine_table* plumbline_engine(void);

#ifdef __cplusplus
}
#endif

#endif
