#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::PositionEmbedding;
using graph::PositionScale;
using graph::Rope;
using model::RopePairs;
using model::RopeScaling;
using trace::TapId;

bool leave_out_rope(Mutation& m, size_t op, double) {
  if (!right<Rope>(m, op)) return false;
  m.bypass(op);
  return true;
}

// The two numbers of one pair stand beside each other either way, and turn by 1 whatever the base.
bool is_one_pair(const Rope& rope) {
  return rope.rope.rotary_dim == 2;
}

bool set_pairs(Mutation& m, size_t op, RopePairs pairs) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.pairs == pairs || is_one_pair(*rope)) return false;
  changed<Rope>(m, op).rope.pairs = pairs;
  return true;
}

bool interleave(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  return rope && rope->rope.pairs == RopePairs::kHalves &&
         set_pairs(m, op, RopePairs::kInterleaved);
}

bool halve(Mutation& m, size_t op, double) {
  return set_pairs(m, op, RopePairs::kHalves);
}

bool set_theta(Mutation& m, size_t op, double theta) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.theta == theta || is_one_pair(*rope)) return false;
  changed<Rope>(m, op).rope.theta = theta;
  return true;
}

double own_theta(const graph::Op& op) {
  return std::get<Rope>(op.kind).rope.theta;
}

// The rope of the layers that have another one.
bool swap_rope(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope) return false;
  for (const graph::Op& other : m.graph().ops) {
    const auto* theirs = std::get_if<Rope>(&other.kind);
    if (!theirs || theirs->head_dim != rope->head_dim || theirs->rope == rope->rope) continue;
    if (is_one_pair(*rope) && is_one_pair(*theirs)) continue;
    changed<Rope>(m, op).rope = theirs->rope;
    return true;
  }
  return false;
}

bool drop_scaling(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.scaling.kind == RopeScaling::Kind::kDefault) return false;
  changed<Rope>(m, op).rope.scaling = RopeScaling{};
  changed<Rope>(m, op).rope.attention_factor = 1.0;
  return true;
}

bool drop_attention_factor(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.attention_factor == 1.0) return false;
  changed<Rope>(m, op).rope.attention_factor = 1.0;
  return true;
}

bool rotate_whole_head(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.rotary_dim == rope->head_dim) return false;
  changed<Rope>(m, op).rope.rotary_dim = rope->head_dim;
  changed<Rope>(m, op).rope.rotary_offset = 0;
  return true;
}

bool rotate_backwards(Mutation& m, size_t op, double) {
  if (!right<Rope>(m, op)) return false;
  m.deviation(op).position_factor = -1.0;
  return true;
}

// Moved alike, queries and keys would meet as before.
bool shift_keys(Mutation& m, size_t op, double positions) {
  if (!right<Rope>(m, op) || !makes(m, op, TapId::kKRope)) return false;
  m.deviation(op).position_shift = static_cast<int64_t>(positions);
  return true;
}

bool leave_out_on_keys(Mutation& m, size_t op, double) {
  return makes(m, op, TapId::kKRope) && leave_out_rope(m, op, 0.0);
}

bool leave_out_on_queries(Mutation& m, size_t op, double) {
  return right<Rope>(m, op) && !makes(m, op, TapId::kKRope) && leave_out_rope(m, op, 0.0);
}

// norm, rope -> rope, norm: without a weight the two commute, with an even one they nearly do
bool rotate_before_norm(Mutation& m, size_t op, double) {
  if (!right<Rope>(m, op)) return false;
  const graph::Op& rope = m.original(op);
  const int before = m.graph().value(rope.inputs.front()).producer;
  if (before < 0) return false;
  const auto norm = static_cast<size_t>(before);
  if (!right<graph::RmsNorm>(m, norm) && !right<graph::LayerNorm>(m, norm)) return false;
  if (m.original(norm).weights.empty()) return false;
  std::swap(m.op(op).kind, m.op(norm).kind);
  std::swap(m.op(op).weights, m.op(norm).weights);
  return true;
}

bool leave_out_temperature(Mutation& m, size_t op, double) {
  if (!right<PositionScale>(m, op)) return false;
  m.bypass(op);
  return true;
}

// The op that gives the rows of positions that this one adds.
std::optional<size_t> positions_of(const Mutation& m, size_t op) {
  if (!right<graph::Add>(m, op)) return std::nullopt;
  const int producer = m.graph().value(m.original(op).inputs.back()).producer;
  if (producer < 0 || !right<PositionEmbedding>(m, static_cast<size_t>(producer))) {
    return std::nullopt;
  }
  return static_cast<size_t>(producer);
}

bool leave_out_positions(Mutation& m, size_t op, double) {
  if (!positions_of(m, op)) return false;
  m.bypass(op);
  return true;
}

bool forget_offset(Mutation& m, size_t op, double) {
  return set(m, op, &PositionEmbedding::offset, 0);
}

bool shift_positions(Mutation& m, size_t op, double positions) {
  const PositionEmbedding* embedding = right<PositionEmbedding>(m, op);
  if (!embedding || embedding->offset + positions == 0.0) return false;
  m.deviation(op).position_shift = static_cast<int64_t>(positions);
  return true;
}

// sin, cos, sin, cos instead of all sines before all cosines
bool alternate_sinusoids(Mutation& m, size_t op, double) {
  const PositionEmbedding* embedding = right<PositionEmbedding>(m, op);
  if (!embedding || embedding->spread == 0.0) return false;
  const int width = m.graph().value(m.original(op).outputs.front()).width();
  std::vector<size_t>& order = m.deviation(op).order;
  for (int j = 0; j < width; ++j) {
    order.push_back(static_cast<size_t>(j / 2 + j % 2 * (width / 2)));
  }
  return true;
}

// The other way to share out the frequencies: up to 1 / 10000, or one short of it.
bool spread_otherwise(Mutation& m, size_t op, double) {
  const PositionEmbedding* embedding = right<PositionEmbedding>(m, op);
  if (!embedding || embedding->spread == 0.0) return false;
  const double half = m.graph().value(m.original(op).outputs.front()).width() / 2.0;
  return set(m, op, &PositionEmbedding::spread, embedding->spread < half ? half : half - 1.0);
}

constexpr double kThetas[] = {1e4, 5e5, 1e6};
constexpr double kShifts[] = {-1.0, 1.0};

constexpr FaultRow kRows[] = {
    {.cause = "rope_missing",
     .says = "does not rotate queries and keys",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_rope},
    {.cause = "rope_interleaved",
     .says = "rotates interleaved pairs instead of halves",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = interleave},
    {.cause = "rope_halves",
     .says = "rotates halves instead of interleaved pairs",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = halve},
    {.cause = "rope_theta",
     .says = "rotates with base {:g}",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kLayer,
     .apply = set_theta,
     .values = kThetas,
     .fitted = true,
     .own = own_theta},
    {.cause = "rope_swapped",
     .says = "rotates as the other kind of layer does",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = swap_rope},
    {.cause = "rope_scaling_missing",
     .says = "leaves the scaling of the rope's frequencies out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = drop_scaling,
     .needs_length = true},
    {.cause = "rope_attention_factor_missing",
     .says = "leaves the rope's attention factor out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = drop_attention_factor},
    {.cause = "rope_whole_head",
     .says = "rotates the whole head instead of a part",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = rotate_whole_head},
    {.cause = "rope_backwards",
     .says = "rotates the other way round",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = rotate_backwards},
    {.cause = "rope_key_position",
     .says = "rotates keys {:+g} positions off",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = shift_keys,
     .values = kShifts},
    {.cause = "rope_missing_on_keys",
     .says = "does not rotate keys",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_on_keys},
    {.cause = "rope_missing_on_queries",
     .says = "does not rotate queries",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_on_queries},
    {.cause = "rope_before_norm",
     .says = "rotates before the norm of queries and keys",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kLayer,
     .apply = rotate_before_norm},
    {.cause = "query_temperature_missing",
     .says = "leaves the temperature of queries out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = leave_out_temperature,
     .needs_length = true},
    {.cause = "positions_missing",
     .says = "adds no embedding of positions",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out_positions},
    {.cause = "positions_offset_missing",
     .says = "forgets the offset of positions in their table",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = forget_offset},
    {.cause = "positions_shifted",
     .says = "takes the row of a position {:+g} off",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = shift_positions,
     .values = kShifts},
    {.cause = "sinusoids_alternate",
     .says = "takes sines and cosines in turn instead of one after the other",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = alternate_sinusoids},
    {.cause = "sinusoids_spread",
     .says = "spreads the frequencies of positions over one more or one less",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = spread_otherwise},
};

}  // namespace

std::span<const FaultRow> position_faults() {
  return kRows;
}

}  // namespace plumb::library
