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
    {"scale_missing", "is not scaled", FaultClass::kStructural, FaultScope::kEach,
     leave_out<Scale>},
    {"scale_twice", "is scaled twice", FaultClass::kStructural, FaultScope::kEach, scale_twice},
    {"scale_factor", "is scaled by {:.4g} times what it should", FaultClass::kSubtle,
     FaultScope::kEach, multiply_factor, kFactors, true},
    {"residual_missing", "leaves the residual stream out", FaultClass::kStructural,
     FaultScope::kEach, leave_out_stream},
    {"branch_missing", "leaves the branch out", FaultClass::kStructural, FaultScope::kEach,
     leave_out_branch},
    {"residual_multiplier_missing", "leaves the branch's multiplier out", FaultClass::kStructural,
     FaultScope::kEach, leave_out_multiplier},
    {"residual_multiplier", "adds {:.4g} times the branch", FaultClass::kSubtle, FaultScope::kEach,
     multiply_branch, kFactors, true},
    {"residual_gate_missing", "sums stream and branch plainly", FaultClass::kStructural,
     FaultScope::kEach, sum_plainly},
    {"residual_earlier", "adds the feed-forward to the stream that entered the layer",
     FaultClass::kStructural, FaultScope::kLayer, join_earlier_stream},
    {"ffn_reads_earlier", "feeds the feed-forward with the stream that entered the layer",
     FaultClass::kStructural, FaultScope::kLayer, read_earlier_stream},
    {"clamp_missing", "is not clamped", FaultClass::kSubtle, FaultScope::kEach, leave_out<Clamp>},
    {"soft_cap_missing", "is not capped", FaultClass::kSubtle, FaultScope::kEach,
     leave_out<SoftCap>},
    {"soft_cap", "is capped at {:.4g} times what it should", FaultClass::kSubtle, FaultScope::kEach,
     multiply_cap, kFactors, true},
    {"parts_swapped", "joins its parts in another order", FaultClass::kStructural,
     FaultScope::kEach, swap_parts},
    {"gate_missing", "is not gated", FaultClass::kStructural, FaultScope::kEach, leave_out<Gate>},
    {"gate_bias_missing", "leaves the gates' bias out", FaultClass::kStructural, FaultScope::kEach,
     leave_out_gate_bias},
    {"gate_before_norm", "is gated before its norm", FaultClass::kStructural, FaultScope::kEach,
     gate_before_norm},
};

}  // namespace

std::span<const FaultRow> wiring_faults() {
  return kRows;
}

}  // namespace plumb::library
