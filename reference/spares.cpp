#include "reference/spares.h"

#include <utility>

namespace plumb::reference {

Matrix Spares::take(size_t rows, size_t width) {
  const std::lock_guard lock(mutex_);
  if (rows != rows_) {
    by_width_.clear();
    rows_ = rows;
  }
  std::vector<Matrix>& spare = by_width_[width];
  if (spare.empty()) return make_matrix(rows, width);
  Matrix matrix = std::move(spare.back());
  spare.pop_back();
  return matrix;
}

void Spares::give(Matrix matrix) {
  const std::lock_guard lock(mutex_);
  if (matrix.shape(0) == rows_) by_width_[matrix.shape(1)].push_back(std::move(matrix));
}

}  // namespace plumb::reference
