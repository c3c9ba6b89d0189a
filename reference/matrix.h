// The tensors of a run: row-major float64 matrices [rows, width], a row a position.
#pragma once

#include <span>
#include <xtensor/xtensor.hpp>

namespace plumb::reference {

using Matrix = xt::xtensor<double, 2>;

inline Matrix make_matrix(size_t rows, size_t width) {
  return Matrix::from_shape({rows, width});
}

inline std::span<double> row(Matrix& m, size_t t) {
  return {m.data() + t * m.shape(1), m.shape(1)};
}
inline std::span<const double> row(const Matrix& m, size_t t) {
  return {m.data() + t * m.shape(1), m.shape(1)};
}

}  // namespace plumb::reference
