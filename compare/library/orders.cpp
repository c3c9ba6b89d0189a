// The weights are right, and stand in another order: experts, tokens.
#include <algorithm>
#include <numeric>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Experts;
using graph::Linear;
using model::WeightId;

using Order = std::vector<size_t>;

Order text_order(size_t count) {
  Order order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [](size_t i) { return std::to_string(i); });
  return order;
}

void reorder_experts(Mutation& m, size_t op, const Order& order) {
  for (const WeightId& id : m.original(op).weights) {
    const auto& shape = declaration(m, id).shape;
    const size_t each = shape.size() == 3 ? static_cast<size_t>(shape[1]) : 1;
    m.gather(id, [id, order, each](size_t row) {
      return Mutation::Origin{id, order[row / each] * each + row % each};
    });
  }
}

bool sort_experts_as_text(Mutation& m, size_t op, double) {
  const Experts* experts = right<Experts>(m, op);
  if (!experts || experts->experts <= 10) return false;
  reorder_experts(m, op, text_order(static_cast<size_t>(experts->experts)));
  return true;
}

bool reverse_experts(Mutation& m, size_t op, double) {
  const Experts* experts = right<Experts>(m, op);
  if (!experts || experts->experts <= 2) return false;
  Order order(static_cast<size_t>(experts->experts));
  std::iota(order.rbegin(), order.rend(), size_t{0});
  reorder_experts(m, op, order);
  return true;
}

// Every expert is the one that stands so many places on.
bool rotate_experts(Mutation& m, size_t op, double by) {
  const Experts* experts = right<Experts>(m, op);
  if (!experts || experts->experts <= 2) return false;
  const auto count = static_cast<size_t>(experts->experts);
  Order order;
  for (size_t e = 0; e < count; ++e) {
    order.push_back((e + count + static_cast<size_t>(static_cast<int64_t>(by))) % count);
  }
  reorder_experts(m, op, order);
  return true;
}

// Experts of `parts` shards, dealt out in turns instead of in blocks.
bool deal_experts(Mutation& m, size_t op, double parts) {
  const Experts* experts = right<Experts>(m, op);
  const auto shards = static_cast<size_t>(parts);
  if (!experts || static_cast<size_t>(experts->experts) % shards != 0) return false;
  const auto count = static_cast<size_t>(experts->experts);
  if (count / shards < 2) return false;
  Order order;
  for (size_t e = 0; e < count; ++e) order.push_back(e % shards * (count / shards) + e / shards);
  reorder_experts(m, op, order);
  return true;
}

bool transpose_experts(Mutation& m, size_t op, double which) {
  const Experts* experts = right<Experts>(m, op);
  if (!experts) return false;
  const WeightId& id = m.original(op).weights[static_cast<size_t>(which)];
  const auto& shape = declaration(m, id).shape;
  if (shape[1] != shape[2]) return false;
  m.edit(id,
         [](const model::WeightView& stored, size_t first, size_t count, std::span<double> out) {
           const size_t n = stored.columns();
           std::vector<double> expert(n * n);
           size_t held = SIZE_MAX;
           for (size_t i = 0; i < count; ++i) {
             const size_t e = (first + i) / n;
             if (e != held) stored.widen(e * n, n, expert);
             held = e;
             for (size_t j = 0; j < n; ++j) out[i * n + j] = expert[j * n + (first + i) % n];
           }
         });
  return true;
}

bool shift_tokens(Mutation& m, size_t op, double by) {
  if (!right<graph::Embedding>(m, op)) return false;
  m.deviation(op).token_shift = static_cast<int64_t>(by);
  return true;
}

bool shift_logits(Mutation& m, size_t op, double by) {
  if (!right<Linear>(m, op) || m.original(op).layer >= 0) return false;
  const auto count = static_cast<size_t>(m.graph().vocab_size);
  Order order;
  for (size_t j = 0; j < count; ++j) {
    order.push_back((j + count + static_cast<size_t>(static_cast<int64_t>(by))) % count);
  }
  m.deviation(op).order = std::move(order);
  return true;
}

constexpr double kSteps[] = {-1.0, 1.0};
constexpr double kShards[] = {2, 4, 8};
constexpr double kMatrices[] = {0, 1, 2};
constexpr std::string_view kMatrixNames[] = {"gate_proj", "up_proj", "down_proj"};

constexpr FaultClass kVariant = FaultClass::kVariant;
constexpr FaultScope kLayer = FaultScope::kLayer;
constexpr FaultScope kEach = FaultScope::kEach;

constexpr FaultRow kRows[] = {
    {.cause = "experts_in_text_order",
     .says = "has its experts in the order of their numbers as text (0, 1, 10, 11, ..., 2)",
     .severity = kVariant,
     .scope = kLayer,
     .apply = sort_experts_as_text},
    {.cause = "experts_reversed",
     .says = "has its experts in reverse order",
     .severity = kVariant,
     .scope = kLayer,
     .apply = reverse_experts},
    {.cause = "experts_rotated",
     .says = "takes for each expert the one {:+g} places on",
     .severity = kVariant,
     .scope = kLayer,
     .apply = rotate_experts,
     .values = kSteps},
    {.cause = "experts_dealt",
     .says = "deals its experts to {:g} shards in turns, which stand in blocks",
     .severity = kVariant,
     .scope = kLayer,
     .apply = deal_experts,
     .values = kShards},
    {.cause = "expert_weight_transposed",
     .says = "multiplies by the transposes of its experts' {}",
     .severity = kVariant,
     .scope = kLayer,
     .apply = transpose_experts,
     .values = kMatrices,
     .names = kMatrixNames},
    {.cause = "tokens_shifted",
     .says = "looks tokens up {:+g} rows off",
     .severity = kVariant,
     .scope = kEach,
     .apply = shift_tokens,
     .values = kSteps},
    {.cause = "logits_shifted",
     .says = "gives each token the logit {:+g} rows off",
     .severity = kVariant,
     .scope = kEach,
     .apply = shift_logits,
     .values = kSteps},
};

}  // namespace

std::span<const FaultRow> order_faults() {
  return kRows;
}

}  // namespace plumb::library
