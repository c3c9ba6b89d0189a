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
    {"norm_missing", "is left out", FaultClass::kStructural, FaultScope::kEach, leave_out},
    {"norm_eps", "has eps {:g}", FaultClass::kSubtle, FaultScope::kEach, set_eps, kEpsilons},
    {"norm_weight_missing", "leaves its weight out", FaultClass::kStructural, FaultScope::kEach,
     leave_out_weight},
    {"norm_offset_missing", "multiplies by its weight instead of 1 + weight",
     FaultClass::kStructural, FaultScope::kEach, leave_out_offset},
    {"norm_offset_added", "multiplies by 1 + weight instead of its weight", FaultClass::kStructural,
     FaultScope::kEach, add_offset},
    {"norm_mean_removed", "takes the mean off", FaultClass::kStructural, FaultScope::kEach,
     take_mean_off},
    {"norm_mean_kept", "does not take the mean off", FaultClass::kStructural, FaultScope::kEach,
     keep_mean},
    {"norm_bias_missing", "leaves its bias out", FaultClass::kStructural, FaultScope::kEach,
     leave_out_bias},
    {"residual_before_norm", "adds the branch to the stream as it was before its norm",
     FaultClass::kStructural, FaultScope::kEach, join_before_norm},
    {"norm_per_head", "normalises each head by itself", FaultClass::kStructural, FaultScope::kEach,
     normalize_heads},
};

}  // namespace

std::span<const FaultRow> norm_faults() {
  return kRows;
}

}  // namespace plumb::library
