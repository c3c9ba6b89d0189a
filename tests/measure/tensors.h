// Tensors of known noise for the statistics to be tried on.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "compare/measure/statistics.h"

namespace plumb::measure {

// Independent normal deviates.
inline Matrix deviates(size_t rows, size_t columns, uint64_t seed) {
  Matrix m = reference::make_matrix(rows, columns);
  for (size_t i = 0; i < m.size(); ++i) m.data()[i] = base::random_normal(seed, i);
  return m;
}

// `truth` + `size` times deviates, `count` copies one under another.
inline Matrix noisy(const Matrix& truth, double size, size_t count, uint64_t seed) {
  Matrix copies = deviates(truth.shape(0) * count, truth.shape(1), seed);
  for (size_t t = 0; t < copies.shape(0); ++t) {
    for (size_t j = 0; j < truth.shape(1); ++j) {
      copies(t, j) = truth(t % truth.shape(0), j) + size * copies(t, j);
    }
  }
  return copies;
}

inline Matrix scaled(Matrix m, double factor) {
  for (double& v : m) v *= factor;
  return m;
}

// The rows in reverse order, of each of the copies that stand one under another.
inline Matrix reversed(const Matrix& m, size_t rows) {
  Matrix result = m;
  for (size_t t = 0; t < m.shape(0); ++t) {
    const size_t from = t / rows * rows + (rows - 1 - t % rows);
    for (size_t j = 0; j < m.shape(1); ++j) result(t, j) = m(from, j);
  }
  return result;
}

inline constexpr double kSingle = 0x1p-24;  // the unit roundoff of float32
inline constexpr double kNoise = 1e-3;      // far above it

}  // namespace plumb::measure
