#include <algorithm>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::CausalConv;
using graph::DeltaDecay;
using graph::GatedDeltaRule;
using model::WeightView;
using trace::TapId;

bool shift_conv(Mutation& m, size_t op, double by) {
  if (!right<CausalConv>(m, op)) return false;
  m.deviation(op).position_shift = static_cast<int64_t>(by);
  return true;
}

bool reverse_kernel(Mutation& m, size_t op, double) {
  if (!right<CausalConv>(m, op)) return false;
  m.edit(m.original(op).weights.front(),
         [](const WeightView& stored, size_t first, size_t count, std::span<double> out) {
           stored.widen(first, count, out);
           const size_t n = stored.columns();
           for (size_t i = 0; i < count; ++i) {
             std::reverse(out.begin() + static_cast<int64_t>(i * n),
                          out.begin() + static_cast<int64_t>((i + 1) * n));
           }
         });
  return true;
}

bool toggle_silu(Mutation& m, size_t op, double) {
  const CausalConv* conv = right<CausalConv>(m, op);
  return conv && set(m, op, &CausalConv::silu, !conv->silu);
}

bool leave_out_conv_bias(Mutation& m, size_t op, double) {
  if (!right<CausalConv>(m, op) || m.original(op).weights.size() < 2) return false;
  m.op(op).weights.resize(1);
  return true;
}

bool multiply_decay(Mutation& m, size_t op, double by) {
  if (!right<DeltaDecay>(m, op)) return false;
  m.deviation(op).factor = by;
  return true;
}

bool multiply_beta(Mutation& m, size_t op, double by) {
  if (!makes(m, op, TapId::kGdnBeta)) return false;
  m.deviation(op).factor = by;
  return true;
}

bool leave_out_length(Mutation& m, size_t op, double) {
  if (!right<GatedDeltaRule>(m, op)) return false;
  m.deviation(op).unit_length = false;
  return true;
}

bool leave_out_query_scale(Mutation& m, size_t op, double) {
  return set(m, op, &GatedDeltaRule::query_scale, 1.0);
}

bool set_unit_eps(Mutation& m, size_t op, double eps) {
  return set(m, op, &GatedDeltaRule::unit_eps, eps);
}

bool read_first(Mutation& m, size_t op, double) {
  if (!right<GatedDeltaRule>(m, op)) return false;
  m.deviation(op).read_first = true;
  return true;
}

bool tile_heads(Mutation& m, size_t op, double) {
  const GatedDeltaRule* rule = right<GatedDeltaRule>(m, op);
  if (!rule || rule->key_heads == 1 || rule->key_heads == rule->value_heads) return false;
  m.deviation(op).tiled_heads = true;
  return true;
}

constexpr double kShifts[] = {-1.0, 1.0};
constexpr double kSign[] = {-1.0};
constexpr double kNone[] = {0.0};
constexpr double kTwice[] = {2.0};
constexpr double kEpsilons[] = {0.0, 1e-12, 1e-5};

constexpr FaultRow kRows[] = {
    {.cause = "conv_shifted",
     .says = "convolves inputs {:+g} positions off",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = shift_conv,
     .values = kShifts},
    {.cause = "conv_reversed",
     .says = "convolves with the kernel reversed",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = reverse_kernel},
    {.cause = "conv_activation",
     .says = "does (or leaves out) SiLU after the convolution",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = toggle_silu},
    {.cause = "decay_sign",
     .says = "lets the state grow instead of decay",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = multiply_decay,
     .values = kSign},
    {.cause = "decay_missing",
     .says = "does not let the state decay",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = multiply_decay,
     .values = kNone},
    {.cause = "decay_twice",
     .says = "lets the state decay twice",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = multiply_decay,
     .values = kTwice},
    {.cause = "beta_range",
     .says = "doubles beta",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = multiply_beta,
     .values = kTwice},
    {.cause = "delta_length_missing",
     .says = "does not bring queries and keys to unit length",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kLayer,
     .apply = leave_out_length},
    {.cause = "delta_query_scale_missing",
     .says = "leaves the scale of queries out",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kLayer,
     .apply = leave_out_query_scale},
    {.cause = "delta_eps",
     .says = "has eps {:g} in the length of queries and keys",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kLayer,
     .apply = set_unit_eps,
     .values = kEpsilons},
    {.cause = "delta_read_first",
     .says = "reads the state before it is updated",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = read_first},
    {.cause = "delta_heads_tiled",
     .says = "takes key heads in turns instead of in groups",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kLayer,
     .apply = tile_heads},
    {.cause = "conv_bias_missing",
     .says = "leaves the convolution's bias out",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = leave_out_conv_bias},
};

}  // namespace

std::span<const FaultRow> delta_faults() {
  return kRows;
}

}  // namespace plumb::library
