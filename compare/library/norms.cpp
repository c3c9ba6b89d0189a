#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::LayerNorm;
using graph::RmsNorm;

bool is_norm(const Mutation& m, size_t op) {
  return right<RmsNorm>(m, op) || right<LayerNorm>(m, op);
}

bool leave_out(Mutation& m, size_t op, double) {
  if (!is_norm(m, op)) return false;
  m.bypass(op);
  return true;
}

bool set_eps(Mutation& m, size_t op, double eps) {
  return set(m, op, &RmsNorm::eps, eps) || set(m, op, &LayerNorm::eps, eps);
}

bool leave_out_weight(Mutation& m, size_t op, double) {
  const RmsNorm* norm = right<RmsNorm>(m, op);
  if (!norm || norm->input_scaled || m.original(op).weights.empty()) return false;
  m.op(op).weights.clear();
  return true;
}

bool set_offset(Mutation& m, size_t op, bool offset) {
  if (m.original(op).weights.empty()) return false;
  return set(m, op, &RmsNorm::unit_offset, offset) || set(m, op, &LayerNorm::unit_offset, offset);
}

bool leave_out_offset(Mutation& m, size_t op, double) {
  return set_offset(m, op, false);
}
bool add_offset(Mutation& m, size_t op, double) {
  return set_offset(m, op, true);
}

bool take_mean_off(Mutation& m, size_t op, double) {
  const RmsNorm* norm = right<RmsNorm>(m, op);
  if (!norm || norm->input_scaled || m.original(op).weights.empty()) return false;
  m.op(op).kind =
      LayerNorm{.eps = norm->eps, .groups = norm->groups, .unit_offset = norm->unit_offset};
  return true;
}

bool keep_mean(Mutation& m, size_t op, double) {
  const LayerNorm* norm = right<LayerNorm>(m, op);
  if (!norm || m.original(op).weights.size() > 1) return false;
  m.op(op).kind =
      RmsNorm{.eps = norm->eps, .groups = norm->groups, .unit_offset = norm->unit_offset};
  return true;
}

bool leave_out_bias(Mutation& m, size_t op, double) {
  if (!right<LayerNorm>(m, op) || m.original(op).weights.size() < 2) return false;
  m.op(op).weights.resize(1);
  return true;
}

// Over all heads at once -> each head by itself.
bool normalize_heads(Mutation& m, size_t op, double) {
  const RmsNorm* norm = right<RmsNorm>(m, op);
  const auto& shape = m.graph().value(m.original(op).outputs.front()).shape;
  return norm && norm->groups == 1 && shape.size() == 2 && set(m, op, &RmsNorm::groups, shape[0]);
}

// The stream from the other side of a norm: what enters it for what it gives, or the reverse.
bool join_before_norm(Mutation& m, size_t op, double) {
  if (!right<graph::Add>(m, op)) return false;
  const int producer = m.graph().value(m.original(op).inputs.front()).producer;
  if (producer < 0 || m.original(static_cast<size_t>(producer)).layer < 0 ||
      !is_norm(m, static_cast<size_t>(producer))) {
    return false;
  }
  m.op(op).inputs.front() = m.original(static_cast<size_t>(producer)).inputs.front();
  return true;
}

constexpr double kEpsilons[] = {0.0, 1e-12, 1e-8, 1e-6, 1e-5, 1e-3};

constexpr FaultRow kRows[] = {
    {.cause = "norm_missing",
     .says = "is left out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out},
    {.cause = "norm_eps",
     .says = "has eps {:g}",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = set_eps,
     .values = kEpsilons},
    {.cause = "norm_weight_missing",
     .says = "leaves its weight out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out_weight},
    {.cause = "norm_offset_missing",
     .says = "multiplies by its weight instead of 1 + weight",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out_offset},
    {.cause = "norm_offset_added",
     .says = "multiplies by 1 + weight instead of its weight",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = add_offset},
    {.cause = "norm_mean_removed",
     .says = "takes the mean off",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = take_mean_off},
    {.cause = "norm_mean_kept",
     .says = "does not take the mean off",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = keep_mean},
    {.cause = "norm_bias_missing",
     .says = "leaves its bias out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out_bias},
    {.cause = "norm_per_head",
     .says = "normalises each head by itself",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = normalize_heads},
    {.cause = "residual_before_norm",
     .says = "adds the branch to the stream as it was before its norm",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = join_before_norm},
};

}  // namespace

std::span<const FaultRow> norm_faults() {
  return kRows;
}

}  // namespace plumb::library
