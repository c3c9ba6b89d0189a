#include "reference/loops.h"

// A sanitizer is not there yet when the loader chooses among the clones.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLUMB_VECTORISED
#else
#define PLUMB_VECTORISED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

namespace plumb::reference {
namespace {

constexpr size_t kColumns = 32;  // that stay in registers

}  // namespace

PLUMB_VECTORISED
void mix(const double* x, const double* rows, size_t stride, size_t count, size_t n, double* out) {
  size_t i = 0;
  for (; i + kColumns <= n; i += kColumns) {
    double sums[kColumns] = {};
    for (size_t s = 0; s < count; ++s) {
      const double* const row = rows + s * stride + i;
      for (size_t lane = 0; lane < kColumns; ++lane) sums[lane] += x[s] * row[lane];
    }
    for (size_t lane = 0; lane < kColumns; ++lane) out[i + lane] = sums[lane];
  }
  for (; i < n; ++i) {
    double sum = 0.0;
    for (size_t s = 0; s < count; ++s) sum += x[s] * rows[s * stride + i];
    out[i] = sum;
  }
}

PLUMB_VECTORISED
void add_outer(const double* x, const double* y, size_t count, size_t n, double* rows) {
  for (size_t s = 0; s < count; ++s, rows += n) {
    for (size_t i = 0; i < n; ++i) rows[i] += x[s] * y[i];
  }
}

PLUMB_VECTORISED
void scale(double factor, double* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] *= factor;
}

}  // namespace plumb::reference
