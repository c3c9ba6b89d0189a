#include <algorithm>
#include <cmath>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Embedding;
using graph::Linear;
using model::WeightView;

bool leave_out_bias(Mutation& m, size_t op, double) {
  if (!right<Linear>(m, op) || m.original(op).weights.size() < 2) return false;
  m.op(op).weights.resize(1);
  return true;
}

bool transpose(Mutation& m, size_t op, double) {
  if (!right<Linear>(m, op)) return false;
  const auto& weight = declaration(m, m.original(op).weights.front());
  if (weight.shape[0] != weight.shape[1]) return false;
  m.edit(weight.id,
         [](const WeightView& stored, size_t first, size_t count, std::span<double> out) {
           const std::vector<double> all = stored.values();
           const size_t n = stored.columns();
           for (size_t i = 0; i < count; ++i) {
             for (size_t j = 0; j < n; ++j) out[i * n + j] = all[j * n + first + i];
           }
         });
  return true;
}

// Each row as 8-bit integers times the row's largest magnitude / 127.
bool quantize(Mutation& m, size_t op, double) {
  if (!right<Linear>(m, op)) return false;
  m.edit(m.original(op).weights.front(),
         [](const WeightView& stored, size_t first, size_t count, std::span<double> out) {
           stored.widen(first, count, out);
           const size_t n = stored.columns();
           for (size_t i = 0; i < count; ++i) {
             const auto row = out.subspan(i * n, n);
             double most = 0.0;
             for (const double v : row) most = std::max(most, std::abs(v));
             const double unit = most > 0.0 ? most / 127.0 : 1.0;
             for (double& v : row) v = std::nearbyint(v / unit) * unit;
           }
         });
  return true;
}

bool gives_nothing(Mutation& m, size_t op, double) {
  const bool whole = makes(m, op, trace::TapId::kFfnOut) || makes(m, op, trace::TapId::kMixerOut);
  if (!whole && !right<Linear>(m, op)) return false;
  m.deviation(op).factor = 0.0;
  return true;
}

bool scale_output(Mutation& m, size_t op, double by) {
  if (!right<Linear>(m, op)) return false;
  m.deviation(op).factor = by;
  return true;
}

// gate_proj and up_proj, taken for one another when they were loaded.
bool swap_gate_and_up(Mutation& m, size_t op, double) {
  if (!right<Linear>(m, op)) return false;
  std::string role = m.original(op).weights.front().role;
  for (const auto& [from, to] : {std::pair("gate_proj", "up_proj"), {"up_proj", "gate_proj"}}) {
    const size_t at = role.find(from);
    if (at == std::string::npos) continue;
    const graph::Op* other = sibling(m, op, role.replace(at, std::string(from).size(), to));
    if (other == nullptr) return false;
    m.op(op).weights = other->weights;
    return true;
  }
  return false;
}

// The head reads the embedding's table although it has one of its own.
bool tie_head(Mutation& m, size_t op, double) {
  if (!makes(m, op, trace::TapId::kLogits) || !right<Linear>(m, op)) return false;
  for (const graph::Op& other : m.graph().ops) {
    if (!std::holds_alternative<Embedding>(other.kind)) continue;
    if (other.weights.front() == m.original(op).weights.front()) return false;
    m.op(op).weights.front() = other.weights.front();
    return true;
  }
  return false;
}

bool keep_rows(Mutation& m, size_t op, double) {
  const Linear* linear = right<Linear>(m, op);
  return linear && linear->normalized_rows && set(m, op, &Linear::normalized_rows, false);
}

constexpr double kFactors[] = {1.02};

constexpr FaultRow kRows[] = {
    {.cause = "bias_missing",
     .says = "leaves its bias out",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = leave_out_bias},
    {.cause = "weight_transposed",
     .says = "multiplies by its weight's transpose",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = transpose},
    {.cause = "gate_up_weights_swapped",
     .says = "has the weights of gate and up exchanged",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = swap_gate_and_up},
    {.cause = "weight_int8",
     .says = "has its weight rounded to 8-bit integers",
     .severity = FaultClass::kRounding,
     .scope = FaultScope::kEach,
     .apply = quantize},
    {.cause = "output_missing",
     .says = "gives nothing",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = gives_nothing},
    {.cause = "output_scale",
     .says = "gives {:.4g} times what it should",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = scale_output,
     .values = kFactors,
     .fitted = true},
    {.cause = "head_tied",
     .says = "multiplies by the embedding's table",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = tie_head},
    {.cause = "head_rows_kept",
     .says = "does not bring its weight's rows to unit length",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = keep_rows},
};

}  // namespace

std::span<const FaultRow> linear_faults() {
  return kRows;
}

}  // namespace plumb::library
