// Weights that are not what is stored: numbers added or counted more than once, narrower types.
#include <algorithm>
#include <cmath>

#include "base/dtype.h"
#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Attention;
using graph::LayerNorm;
using graph::Linear;
using graph::RmsNorm;
using model::WeightId;
using model::WeightView;

// Every number of the weight as `change` makes it.
template <class Change>
void change_all(Mutation& m, const WeightId& id, Change change) {
  m.edit(id, [change](const WeightView& stored, size_t first, size_t count, std::span<double> out) {
    stored.widen(first, count, out);
    for (double& v : out) v = change(v);
  });
}

// Adds a number to each of a norm's weights.
bool add_to_weight(Mutation& m, size_t op, double by) {
  if (!right<RmsNorm>(m, op) && !right<LayerNorm>(m, op)) return false;
  if (m.original(op).weights.empty()) return false;
  change_all(m, m.original(op).weights.front(), [by](double v) { return v + by; });
  return true;
}

double nothing(const graph::Op&) {
  return 0.0;
}

// As every shard of a product that is split does, which adds the bias by itself.
bool count_bias(Mutation& m, size_t op, double times) {
  if (!right<Linear>(m, op) || m.original(op).weights.size() < 2) return false;
  change_all(m, m.original(op).weights[1], [times](double v) { return v * times; });
  return true;
}

// So many sinks of the same logit.
bool count_sinks(Mutation& m, size_t op, double times) {
  if (!right<Attention>(m, op) || m.original(op).weights.empty()) return false;
  change_all(m, m.original(op).weights.front(),
             [by = std::log(times)](double v) { return v + by; });
  return true;
}

bool multiply_sinks(Mutation& m, size_t op, double by) {
  if (!right<Attention>(m, op) || m.original(op).weights.empty()) return false;
  change_all(m, m.original(op).weights.front(), [by](double v) { return v * by; });
  return true;
}

// One of the decay's two weights counts as zero: exp(0) is 1.
bool leave_out_decay_weight(Mutation& m, size_t op, double which) {
  if (!right<graph::DeltaDecay>(m, op)) return false;
  change_all(m, m.original(op).weights[static_cast<size_t>(which)], [](double) { return 0.0; });
  return true;
}

// What multiplies: products, experts and the table of tokens.
bool is_matrix(const Mutation& m, size_t op) {
  return right<Linear>(m, op) || right<graph::Experts>(m, op) || right<graph::Embedding>(m, op);
}

template <base::DType kType>
bool keep_in(Mutation& m, size_t op, double) {
  if (!is_matrix(m, op)) return false;
  for (const WeightId& id : m.original(op).weights) {
    change_all(m, id, [](double v) { return base::round_to(kType, v); });
  }
  return true;
}

// Four bits of exponent and three of fraction, 448 at most.
double to_e4m3(double v) {
  constexpr double kLargest = 448.0;
  constexpr double kSmallestStep = 1.0 / 512.0;
  const double size = std::min(std::abs(v), kLargest);
  const double step =
      size == 0.0 ? 1.0 : std::max(std::exp2(std::floor(std::log2(size)) - 3.0), kSmallestStep);
  return std::copysign(std::min(std::nearbyint(size / step) * step, kLargest), v);
}

// Each row in 8-bit floats, scaled so that its largest number is the type's.
bool keep_in_fp8(Mutation& m, size_t op, double) {
  if (!is_matrix(m, op)) return false;
  m.edit(m.original(op).weights.front(),
         [](const WeightView& stored, size_t first, size_t count, std::span<double> out) {
           stored.widen(first, count, out);
           const size_t n = stored.columns();
           for (size_t i = 0; i < count; ++i) {
             const auto row = out.subspan(i * n, n);
             double most = 0.0;
             for (const double v : row) most = std::max(most, std::abs(v));
             const double unit = most > 0.0 ? most / 448.0 : 1.0;
             for (double& v : row) v = to_e4m3(v / unit) * unit;
           }
         });
  return true;
}

// norm(x + branch) instead of x + norm(branch)
bool norm_the_sum(Mutation& m, size_t op, double) {
  const auto* add = right<graph::Add>(m, op);
  if (!add) return false;
  const int before = m.graph().value(m.original(op).inputs[1]).producer;
  if (before < 0) return false;
  const auto norm = static_cast<size_t>(before);
  if (!right<RmsNorm>(m, norm) && !right<LayerNorm>(m, norm)) return false;
  const graph::ValueId stream = m.original(op).inputs[0];
  if (m.graph().value(stream).producer > before) return false;
  const graph::ValueId branch = m.original(norm).inputs[0];
  std::swap(m.op(op).kind, m.op(norm).kind);
  std::swap(m.op(op).weights, m.op(norm).weights);
  m.op(norm).inputs = {stream, branch};
  m.op(op).inputs = {m.original(norm).outputs[0]};
  return true;
}

// rope, norm -> norm, rope
bool norm_before_rope(Mutation& m, size_t op, double) {
  const bool is_norm = right<RmsNorm>(m, op) || right<LayerNorm>(m, op);
  if (!is_norm || m.original(op).weights.empty()) return false;
  const int before = m.graph().value(m.original(op).inputs.front()).producer;
  if (before < 0 || !right<graph::Rope>(m, static_cast<size_t>(before))) return false;
  const auto rope = static_cast<size_t>(before);
  std::swap(m.op(op).kind, m.op(rope).kind);
  std::swap(m.op(op).weights, m.op(rope).weights);
  return true;
}

constexpr double kAdded[] = {1.0};
constexpr double kCounts[] = {2.0};
constexpr double kFactors[] = {1.02};
constexpr double kDecayWeights[] = {0, 1};
constexpr std::string_view kDecayNames[] = {"A_log", "dt_bias"};

constexpr FaultClass kVariant = FaultClass::kVariant;
constexpr FaultScope kLayer = FaultScope::kLayer;
constexpr FaultScope kEach = FaultScope::kEach;

constexpr FaultRow kRows[] = {
    {.cause = "norm_weight_added",
     .says = "has {:.4g} added to its weight",
     .severity = kVariant,
     .scope = kEach,
     .apply = add_to_weight,
     .values = kAdded,
     .fitted = true,
     .own = nothing,
     .all = "every norm"},
    {.cause = "sinks_counted",
     .says = "counts the attention sinks {:.4g} times",
     .severity = kVariant,
     .scope = kLayer,
     .apply = count_sinks,
     .values = kCounts,
     .fitted = true},
    {.cause = "decay_weight_missing",
     .says = "leaves {} out of the decay",
     .severity = kVariant,
     .scope = kLayer,
     .apply = leave_out_decay_weight,
     .values = kDecayWeights,
     .names = kDecayNames},
    {.cause = "bias_counted",
     .says = "adds its bias {:.4g} times",
     .severity = kVariant,
     .scope = kEach,
     .apply = count_bias,
     .values = kCounts,
     .fitted = true},
    {.cause = "sinks_scaled",
     .says = "has {:.4g} times the attention sinks' logits",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_sinks,
     .values = kFactors,
     .fitted = true},
    {.cause = "weight_bf16",
     .says = "has its weight rounded to bfloat16",
     .severity = kVariant,
     .scope = kEach,
     .apply = keep_in<base::DType::kBF16>,
     .all = "every matrix"},
    {.cause = "weight_f16",
     .says = "has its weight rounded to float16",
     .severity = kVariant,
     .scope = kEach,
     .apply = keep_in<base::DType::kF16>,
     .all = "every matrix"},
    {.cause = "weight_fp8",
     .says = "has its weight rounded to 8-bit floats, row by row",
     .severity = kVariant,
     .scope = kEach,
     .apply = keep_in_fp8,
     .all = "every matrix"},
    {.cause = "norm_after_sum",
     .says = "normalises the stream with the branch instead of the branch alone",
     .severity = kVariant,
     .scope = kEach,
     .apply = norm_the_sum},
    {.cause = "norm_before_rope",
     .says = "normalises queries and keys before it rotates them",
     .severity = kVariant,
     .scope = kLayer,
     .apply = norm_before_rope},
};

}  // namespace

std::span<const FaultRow> weight_faults() {
  return kRows;
}

}  // namespace plumb::library
