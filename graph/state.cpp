#include "graph/state.h"

#include <algorithm>

#include "base/errors.h"

namespace plumb::graph {
namespace {

using Tensors = std::vector<StateTensor>;

template <class Op>
Tensors tensors_of(const Op&, int) {
  return {};
}

Tensors tensors_of(const Attention& op, int) {
  const auto rows = static_cast<size_t>(op.window);
  return {{.per_position = true, .rows = rows, .axes = {op.kv_heads, op.head_dim}},
          {.per_position = true, .rows = rows, .axes = {op.kv_heads, op.value_dim}}};
}

Tensors tensors_of(const CausalConv& op, int width) {
  return {{.rows = static_cast<size_t>(op.kernel), .axes = {width}}};
}

Tensors tensors_of(const GatedDeltaRule& op, int) {
  return {{.rows = static_cast<size_t>(op.value_heads), .axes = {op.key_dim, op.value_dim}}};
}

}  // namespace

size_t StateTensor::width() const {
  size_t product = 1;
  for (const int extent : axes) product *= static_cast<size_t>(extent);
  return product;
}

size_t StateTensor::needed_rows(size_t positions) const {
  if (!per_position) return rows;
  return rows == 0 ? positions : std::min(positions, rows - 1);
}

Tensors state_tensors(const OpKind& kind, int width, const std::vector<trace::Tap>& taps) {
  Tensors tensors = std::visit([&](const auto& op) { return tensors_of(op, width); }, kind);
  base::ensure(tensors.size() == taps.size(), "each tensor of a slot has a name");
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].tap = taps[i];
  return tensors;
}

}  // namespace plumb::graph
