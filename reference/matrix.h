// The tensors of a run: row-major float64 matrices [rows, width], a row a position.
#pragma once

#include <span>
#include <xtensor/xadapt.hpp>
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

// Rows [first, first + rows) seen as [rows, heads, dim].
inline auto as_heads(Matrix& m, size_t first, size_t rows, size_t heads) {
  const std::array<size_t, 3> shape = {rows, heads, m.shape(1) / heads};
  return xt::adapt(m.data() + first * m.shape(1), rows * m.shape(1), xt::no_ownership(), shape);
}
inline auto as_heads(const Matrix& m, size_t first, size_t rows, size_t heads) {
  const std::array<size_t, 3> shape = {rows, heads, m.shape(1) / heads};
  return xt::adapt(m.data() + first * m.shape(1), rows * m.shape(1), xt::no_ownership(), shape);
}

}  // namespace plumb::reference
