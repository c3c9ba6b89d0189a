// The tensors of a run: row-major float64 matrices [rows, width], a row a position.
#pragma once

#include <span>
#include <xtensor/xtensor.hpp>

#include "base/aligned_allocator.h"

namespace plumb::reference {

using Matrix = xt::xtensor<double, 2, xt::layout_type::row_major, base::AlignedAllocator<double>>;

inline Matrix make_matrix(size_t rows, size_t width) {
  return Matrix::from_shape({rows, width});
}

inline std::span<double> row(Matrix& m, size_t t) {
  return {m.data() + t * m.shape(1), m.shape(1)};
}
inline std::span<const double> row(const Matrix& m, size_t t) {
  return {m.data() + t * m.shape(1), m.shape(1)};
}

// Rows of float64 that are `stride` apart: a matrix, or columns of one.
struct Rows {
  const double* start;
  size_t stride;

  const double* operator[](size_t t) const { return start + t * stride; }
  Rows from(size_t t) const { return {start + t * stride, stride}; }
};

}  // namespace plumb::reference
