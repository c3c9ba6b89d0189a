// Layers of two kinds, local and global, taken for one another.
#include <cmath>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Attention;
using graph::Rope;

// What a layer of one kind has: its window, and its rotation if the kinds differ there.
struct LayerKind {
  const Attention* attention = nullptr;
  const Rope* rope = nullptr;
};

bool is_local(const LayerKind& kind) {
  return kind.attention->window > 0;
}

LayerKind kind_of(const graph::Graph& graph, int layer) {
  LayerKind kind;
  for (const graph::Op& op : graph.ops) {
    if (op.layer != layer) continue;
    if (const auto* attention = std::get_if<Attention>(&op.kind)) kind.attention = attention;
    if (const auto* rope = std::get_if<Rope>(&op.kind)) kind.rope = rope;
  }
  return kind;
}

// The first layer of the other kind; nothing where there is none.
LayerKind other_kind(const graph::Graph& graph, int layer) {
  const LayerKind own = kind_of(graph, layer);
  if (own.attention == nullptr) return {};
  for (int i = 0; i < graph.num_layers; ++i) {
    const LayerKind other = kind_of(graph, i);
    if (other.attention == nullptr || is_local(other) == is_local(own)) continue;
    return other;
  }
  return {};
}

bool become(Mutation& m, size_t op, const LayerKind& kind) {
  if (kind.attention == nullptr) return false;
  if (right<Attention>(m, op)) return set(m, op, &Attention::window, kind.attention->window);
  const Rope* rope = right<Rope>(m, op);
  const bool turns = rope && kind.rope && kind.rope->head_dim == rope->head_dim;
  if (!turns || kind.rope->rope == rope->rope) return false;
  changed<Rope>(m, op).rope = kind.rope->rope;
  return true;
}

bool be_the_other_kind(Mutation& m, size_t op, double) {
  const int layer = m.original(op).layer;
  return layer >= 0 && become(m, op, other_kind(m.graph(), layer));
}

// One of every `period` layers is global, the last or (a negative period) the first.
bool follow_pattern(Mutation& m, size_t op, double period) {
  const int layer = m.original(op).layer;
  if (layer < 0) return false;
  const LayerKind own = kind_of(m.graph(), layer);
  if (own.attention == nullptr) return false;
  const int every = static_cast<int>(std::abs(period));
  const bool local = period > 0 ? (layer + 1) % every != 0 : layer % every != 0;
  return local != is_local(own) && become(m, op, other_kind(m.graph(), layer));
}

constexpr double kPeriods[] = {2, 3, 4, 5, 6, 8, -2, -3, -4, -5, -6, -8};

constexpr FaultRow kRows[] = {
    {.cause = "layer_kinds_exchanged",
     .says = "attends as the other kind of layer does (window and rotation)",
     .severity = FaultClass::kVariant,
     .scope = FaultScope::kLayer,
     .apply = be_the_other_kind,
     .needs_length = true},
    {.cause = "layer_pattern",
     .says = "follows another pattern of local and global layers: one in {:g} is global (the first "
             "of them, if negative)",
     .severity = FaultClass::kVariant,
     .scope = FaultScope::kModel,
     .apply = follow_pattern,
     .values = kPeriods,
     .needs_length = true},
};

}  // namespace

std::span<const FaultRow> pattern_faults() {
  return kRows;
}

}  // namespace plumb::library
