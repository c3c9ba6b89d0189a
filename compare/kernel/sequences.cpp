#include "compare/kernel/sequences.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"

namespace plumb::kernel {
namespace {

using base::InputError;

constexpr size_t kMostSequences = 256;
constexpr double kMostPosition = 1 << 30;

bool looks_around(const graph::OpKind& kind) {
  return std::holds_alternative<graph::Rope>(kind) ||
         std::holds_alternative<graph::PositionScale>(kind) ||
         std::holds_alternative<graph::Attention>(kind) ||
         std::holds_alternative<graph::CausalConv>(kind) ||
         std::holds_alternative<graph::GatedDeltaRule>(kind);
}

std::vector<int64_t> read_positions(const Plugged& plugged) {
  std::vector<int64_t> positions;
  for (const double value : plugged.tensor.values()) {
    if (!(value >= 0.0 && value <= kMostPosition) || value != std::floor(value)) {
      throw InputError(plugged.tensor.where, plugged.tensor.item,
                       fmt::format("positions hold {}", value), "they are whole numbers from 0 on");
    }
    positions.push_back(static_cast<int64_t>(value));
  }
  return positions;
}

}  // namespace

Sequences find_sequences(const KernelOp& op, const Kinds& kinds, const Shapes& shapes,
                         const std::vector<Plugged>& inputs, int64_t first) {
  const auto length = static_cast<size_t>(shapes.at("T"));
  const auto batch = static_cast<size_t>(shapes.batch());
  Sequences all;
  for (size_t i = 0; i < batch * length; ++i) {
    all.positions.push_back(first + static_cast<int64_t>(i % length));
  }
  const auto given = std::ranges::find_if(
      inputs, [](const Plugged& plugged) { return plugged.port->kind == Port::Kind::kPositions; });
  if (given != inputs.end()) {
    const std::vector<int64_t> positions = read_positions(*given);
    for (size_t i = 0; i < all.positions.size(); ++i) {
      all.positions[i] = positions[i % positions.size()];
    }
  }
  const bool apart = std::ranges::any_of(kinds, looks_around);
  for (size_t i = 0; i < batch * length; ++i) {
    const bool goes_on =
        i > 0 && (!apart || (i % length != 0 && all.positions[i] == all.positions[i - 1] + 1));
    if (!goes_on) all.rows.emplace_back();
    all.rows.back().push_back(static_cast<int64_t>(i));
  }
  if (all.rows.size() > kMostSequences) {
    throw InputError(std::string(op.name), "positions",
                     fmt::format("make {} sequences", all.rows.size()),
                     fmt::format("give at most {}: positions that rise by one are one sequence",
                                 kMostSequences));
  }
  return all;
}

}  // namespace plumb::kernel
