#include <algorithm>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using graph::Activate;
using graph::Experts;
using graph::Gate;
using graph::GatedActivation;
using model::Activation;

// The activations that people take for one another.
constexpr Activation kKinds[] = {Activation::kSilu, Activation::kRelu, Activation::kSigmoid,
                                 Activation::kQuickGelu};

bool is_gelu(Activation activation) {
  return activation == Activation::kGelu || activation == Activation::kGeluTanh ||
         activation == Activation::kGeluFast || activation == Activation::kGeluBloom;
}

std::optional<Activation> activation_of(const Mutation& m, size_t op) {
  if (const auto* plain = right<Activate>(m, op)) return plain->activation;
  if (const auto* gated = right<GatedActivation>(m, op)) return gated->activation;
  if (const auto* experts = right<Experts>(m, op)) return experts->activation;
  if (const auto* gate = right<Gate>(m, op)) return gate->activation;
  return std::nullopt;
}

bool set_activation(Mutation& m, size_t op, Activation activation) {
  return set(m, op, &Activate::activation, activation) ||
         set(m, op, &GatedActivation::activation, activation) ||
         set(m, op, &Experts::activation, activation) || set(m, op, &Gate::activation, activation);
}

bool is_plain(Activation activation) {
  return is_gelu(activation) ||
         std::find(std::begin(kKinds), std::end(kKinds), activation) != std::end(kKinds);
}

bool take(Mutation& m, size_t op, Activation activation) {
  const auto now = activation_of(m, op);
  return now && (is_plain(*now) || *now == Activation::kSoftplus) &&
         !(is_gelu(*now) && is_gelu(activation)) && set_activation(m, op, activation);
}

template <Activation kActivation>
bool take_kind(Mutation& m, size_t op, double) {
  return take(m, op, kActivation);
}

bool take_other_gelu(Mutation& m, size_t op, double) {
  const auto now = activation_of(m, op);
  if (!now || !is_gelu(*now)) return false;
  return set_activation(m, op,
                        *now == Activation::kGelu ? Activation::kGeluTanh : Activation::kGelu);
}

bool swap_gate_and_up(Mutation& m, size_t op, double) {
  if (right<GatedActivation>(m, op)) {
    std::swap(m.op(op).inputs[0], m.op(op).inputs[1]);
    return true;
  }
  if (!right<Experts>(m, op)) return false;
  auto& weights = m.op(op).weights;
  std::swap(weights[0], weights[1]);
  if (weights.size() > 4) std::swap(weights[3], weights[4]);
  return true;
}

bool pass_gate_plainly(Mutation& m, size_t op, double) {
  const auto* plain = right<Activate>(m, op);
  if (!plain || plain->activation == Activation::kXielu) return false;
  m.bypass(op);
  return true;
}

constexpr FaultRow kRows[] = {
    {.cause = "activation_silu",
     .says = "applies SiLU",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = take_kind<Activation::kSilu>},
    {.cause = "activation_gelu",
     .says = "applies GELU",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = take_kind<Activation::kGelu>},
    {.cause = "activation_gelu_tanh",
     .says = "applies GELU in its tanh form",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = take_kind<Activation::kGeluTanh>},
    {.cause = "activation_relu",
     .says = "applies ReLU",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = take_kind<Activation::kRelu>},
    {.cause = "activation_sigmoid",
     .says = "applies a sigmoid",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = take_kind<Activation::kSigmoid>},
    {.cause = "gelu_form",
     .says = "applies the other form of GELU (tanh, exact)",
     .severity = FaultClass::kSubtle,
     .scope = FaultScope::kEach,
     .apply = take_other_gelu},
    {.cause = "activation_missing",
     .says = "is not activated",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = pass_gate_plainly},
    {.cause = "gate_up_swapped",
     .says = "takes gate and up for one another",
     .severity = FaultClass::kStructural,
     .scope = FaultScope::kEach,
     .apply = swap_gate_and_up},
    {.cause = "activation_quick_gelu",
     .says = "applies x sigmoid(1.702 x)",
     .severity = FaultClass::kVariant,
     .scope = FaultScope::kEach,
     .apply = take_kind<Activation::kQuickGelu>},
};

}  // namespace

std::span<const FaultRow> activation_faults() {
  return kRows;
}

}  // namespace plumb::library
