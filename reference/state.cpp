#include "reference/state.h"

#include <algorithm>

#include "base/errors.h"

namespace plumb::reference {
namespace {

bool is_conv(const graph::StateTensor& tensor) {
  return !tensor.per_position && tensor.axes.size() == 1;
}

Matrix initial(const graph::StateTensor& tensor) {
  if (tensor.per_position || is_conv(tensor)) return make_matrix(0, tensor.width());
  const auto key_dim = static_cast<size_t>(tensor.axes[0]);
  Matrix zeros = make_matrix(tensor.rows * key_dim, static_cast<size_t>(tensor.axes[1]));
  zeros.fill(0.0);
  return zeros;
}

// Row-major values, `rows` the extent of their second axis, which becomes the first.
Matrix transposed(const std::vector<double>& values, size_t rows) {
  const size_t columns = values.size() / rows;
  Matrix m = make_matrix(rows, columns);
  for (size_t j = 0; j < columns; ++j) {
    for (size_t i = 0; i < rows; ++i) m(i, j) = values[j * rows + i];
  }
  return m;
}

}  // namespace

State::State(const graph::Graph& graph) {
  for (const graph::Slot& slot : graph.slots) {
    std::vector<Matrix>& tensors = slots_.emplace_back();
    for (const graph::StateTensor& tensor : slot.tensors) tensors.push_back(initial(tensor));
  }
}

const Matrix& State::at(const graph::Graph& graph, const trace::Tap& tap) const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    for (size_t k = 0; k < slots_[i].size(); ++k) {
      if (graph.slots[i].tensors[k].tap == tap) return slots_[i][k];
    }
  }
  base::ensure(false, "the tap is one of the graph's state");
  return slots_.front().front();
}

Matrix rows_of(const Matrix& m, size_t first, size_t end) {
  Matrix part = make_matrix(end - first, m.shape(1));
  const double* from = m.data() + first * m.shape(1);
  std::copy(from, from + part.size(), part.data());
  return part;
}

Matrix appended(const Matrix& before, const Matrix& m, size_t first, size_t end, size_t most) {
  const size_t all = before.shape(0) + (end - first);
  const size_t kept = most > 0 ? std::min(all, most) : all;
  const size_t dropped = all - kept;
  const size_t old = std::min(dropped, before.shape(0));
  Matrix joined = make_matrix(kept, m.shape(1));
  double* const middle =
      std::copy(before.data() + old * m.shape(1), before.data() + before.size(), joined.data());
  std::copy(m.data() + (first + dropped - old) * m.shape(1), m.data() + end * m.shape(1), middle);
  return joined;
}

Matrix state_rows(const graph::StateTensor& tensor, const Matrix& value) {
  if (!is_conv(tensor)) return value;
  Matrix all = make_matrix(tensor.rows, value.shape(1));
  all.fill(0.0);
  std::copy(value.begin(), value.end(), all.data() + all.size() - value.size());
  return all;
}

Matrix from_trace(const graph::StateTensor& tensor, const trace::Tensor& recorded) {
  const std::vector<double>& values = recorded.values;
  if (is_conv(tensor)) return transposed(values, tensor.rows);
  const size_t width =
      tensor.per_position ? tensor.width() : static_cast<size_t>(tensor.axes.back());
  Matrix m = make_matrix(values.size() / width, width);
  std::copy(values.begin(), values.end(), m.data());
  return m;
}

trace::Tensor state_tensor(const graph::StateTensor& tensor, const Matrix& value) {
  const Matrix all = state_rows(tensor, value);
  trace::Tensor result;
  if (is_conv(tensor)) {
    result.shape = {all.shape(1), all.shape(0)};
    const Matrix by_channel = transposed({all.begin(), all.end()}, all.shape(1));
    result.values.assign(by_channel.begin(), by_channel.end());
    return result;
  }
  result.shape = {tensor.per_position ? all.shape(0) : tensor.rows};
  for (const int extent : tensor.axes) result.shape.push_back(static_cast<size_t>(extent));
  result.values.assign(all.begin(), all.end());
  return result;
}

}  // namespace plumb::reference
