#include "reference/loops.h"

#include "base/vectorised.h"

namespace plumb::reference {
namespace {

constexpr size_t kColumns = 32;  // that stay in registers

// Of `columns` columns of the state, which come from memory once: the second pass finds them near.
template <size_t columns>
[[gnu::always_inline]] inline void step_columns(double decay, double beta, const double* k,
                                                const double* q, const double* v, size_t count,
                                                size_t stride, double* rows, double* y) {
  double delta[columns] = {};
  for (size_t s = 0; s < count; ++s) {
    double* const row = rows + s * stride;
    for (size_t lane = 0; lane < columns; ++lane) {
      row[lane] *= decay;
      delta[lane] += k[s] * row[lane];
    }
  }
  for (size_t lane = 0; lane < columns; ++lane) delta[lane] = (v[lane] - delta[lane]) * beta;
  double sums[columns] = {};
  for (size_t s = 0; s < count; ++s) {
    double* const row = rows + s * stride;
    for (size_t lane = 0; lane < columns; ++lane) {
      row[lane] += k[s] * delta[lane];
      sums[lane] += q[s] * row[lane];
    }
  }
  for (size_t lane = 0; lane < columns; ++lane) y[lane] = sums[lane];
}

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
void delta_step(double decay, double beta, const double* k, const double* q, const double* v,
                size_t count, size_t n, double* rows, double* y) {
  size_t i = 0;
  for (; i + kColumns <= n; i += kColumns) {
    step_columns<kColumns>(decay, beta, k, q, v + i, count, n, rows + i, y + i);
  }
  for (; i < n; ++i) step_columns<1>(decay, beta, k, q, v + i, count, n, rows + i, y + i);
}

}  // namespace plumb::reference
