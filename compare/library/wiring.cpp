#include <algorithm>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Add;
using graph::Clamp;
using graph::Concat;
using graph::Gate;
using graph::GatedResidual;
using graph::Scale;
using graph::SoftCap;
using graph::ValueId;
using trace::TapId;

template <class Kind>
bool leave_out(Mutation& m, size_t op, double) {
  if (!right<Kind>(m, op)) return false;
  m.bypass(op);
  return true;
}

bool scale_twice(Mutation& m, size_t op, double) {
  const Scale* scale = right<Scale>(m, op);
  return scale && set(m, op, &Scale::factor, scale->factor * scale->factor);
}

bool multiply_factor(Mutation& m, size_t op, double by) {
  const Scale* scale = right<Scale>(m, op);
  return scale && set(m, op, &Scale::factor, scale->factor * by);
}

bool is_join(const Mutation& m, size_t op) {
  return right<Add>(m, op) || right<GatedResidual>(m, op);
}

bool leave_out_stream(Mutation& m, size_t op, double) {
  if (!is_join(m, op)) return false;
  m.bypass(op, 1);
  return true;
}

bool leave_out_branch(Mutation& m, size_t op, double) {
  if (!is_join(m, op)) return false;
  m.bypass(op, 0);
  return true;
}

bool leave_out_multiplier(Mutation& m, size_t op, double) {
  return set(m, op, &Add::multiplier, 1.0);
}

bool multiply_branch(Mutation& m, size_t op, double by) {
  const Add* add = right<Add>(m, op);
  return add && set(m, op, &Add::multiplier, add->multiplier * by);
}

bool sum_plainly(Mutation& m, size_t op, double) {
  if (!right<GatedResidual>(m, op)) return false;
  m.op(op).kind = Add{};
  m.op(op).weights.clear();
  return true;
}

// The stream that enters the layer of this op's stream.
std::optional<ValueId> stream_before(const Mutation& m, ValueId stream) {
  const int producer = m.graph().value(stream).producer;
  if (producer < 0 || !is_join(m, static_cast<size_t>(producer))) return std::nullopt;
  return m.original(static_cast<size_t>(producer)).inputs[0];
}

// The feed-forward's sum takes the stream that entered the layer.
bool join_earlier_stream(Mutation& m, size_t op, double) {
  if (!is_join(m, op) || !makes(m, op, TapId::kOut)) return false;
  const auto before = stream_before(m, m.original(op).inputs[0]);
  if (!before) return false;
  m.op(op).inputs[0] = *before;
  return true;
}

// The feed-forward reads the stream that entered the layer.
bool read_earlier_stream(Mutation& m, size_t op, double) {
  const graph::Op& original = m.original(op);
  if (is_join(m, op) || original.inputs.empty()) return false;
  const ValueId stream = original.inputs[0];
  if (!has_tap(m, stream, TapId::kMid)) return false;
  const auto before = stream_before(m, stream);
  if (!before) return false;
  m.op(op).inputs[0] = *before;
  return true;
}

bool multiply_cap(Mutation& m, size_t op, double by) {
  const SoftCap* cap = right<SoftCap>(m, op);
  return cap && set(m, op, &SoftCap::cap, cap->cap * by);
}

bool swap_parts(Mutation& m, size_t op, double) {
  if (!right<Concat>(m, op) || m.original(op).inputs.size() < 2) return false;
  const auto& inputs = m.original(op).inputs;
  if (m.graph().value(inputs[0]).width() != m.graph().value(inputs[1]).width()) return false;
  std::swap(m.op(op).inputs[0], m.op(op).inputs[1]);
  return true;
}

// norm, gate -> gate, norm
bool gate_before_norm(Mutation& m, size_t op, double) {
  if (!right<Gate>(m, op)) return false;
  const int before = m.graph().value(m.original(op).inputs[0]).producer;
  if (before < 0 || !right<graph::RmsNorm>(m, static_cast<size_t>(before))) return false;
  const auto norm = static_cast<size_t>(before);
  const ValueId gate = m.original(op).inputs[1];
  if (m.graph().value(gate).producer > before) return false;
  std::swap(m.op(op).kind, m.op(norm).kind);
  std::swap(m.op(op).weights, m.op(norm).weights);
  m.op(norm).inputs.push_back(gate);
  m.op(op).inputs = {m.original(op).inputs[0]};
  return true;
}

bool leave_out_gate_bias(Mutation& m, size_t op, double) {
  if (!right<Gate>(m, op) || m.original(op).weights.empty()) return false;
  m.op(op).weights.clear();
  return true;
}

constexpr double kFactors[] = {1.02};

constexpr FaultRow kRows[] = {
    {.cause = "scale_missing",
     .says = "is not scaled",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out<Scale>,
     .scales_positions = true},
    {.cause = "scale_twice",
     .says = "is scaled twice",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = scale_twice,
     .scales_positions = true},
    {.cause = "scale_factor",
     .says = "is scaled by {:.4g} times what it should",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = multiply_factor,
     .values = kFactors,
     .fitted = true},
    {.cause = "residual_missing",
     .says = "leaves the residual stream out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out_stream},
    {.cause = "branch_missing",
     .says = "leaves the branch out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out_branch},
    {.cause = "residual_multiplier_missing",
     .says = "leaves the branch's multiplier out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out_multiplier},
    {.cause = "residual_multiplier",
     .says = "adds {:.4g} times the branch",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = multiply_branch,
     .values = kFactors,
     .fitted = true},
    {.cause = "residual_gate_missing",
     .says = "sums stream and branch plainly",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = sum_plainly},
    {.cause = "residual_earlier",
     .says = "adds the feed-forward to the stream that entered the layer",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = join_earlier_stream},
    {.cause = "ffn_reads_earlier",
     .says = "feeds the feed-forward with the stream that entered the layer",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = read_earlier_stream},
    {.cause = "clamp_missing",
     .says = "is not clamped",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = leave_out<Clamp>},
    {.cause = "soft_cap_missing",
     .says = "is not capped",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = leave_out<SoftCap>},
    {.cause = "soft_cap",
     .says = "is capped at {:.4g} times what it should",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = multiply_cap,
     .values = kFactors,
     .fitted = true},
    {.cause = "parts_swapped",
     .says = "joins its parts in another order",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = swap_parts},
    {.cause = "gate_missing",
     .says = "is not gated",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out<Gate>},
    {.cause = "gate_before_norm",
     .says = "is gated before its norm",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = gate_before_norm},
    {.cause = "gate_bias_missing",
     .says = "leaves the gates' bias out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out_gate_bias},
};

}  // namespace

std::span<const FaultRow> wiring_faults() {
  return kRows;
}

}  // namespace plumb::library
