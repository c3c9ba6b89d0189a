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
    {"activation_silu", "applies SiLU", FaultClass::kStructural, FaultScope::kEach,
     take_kind<Activation::kSilu>},
    {"activation_gelu", "applies GELU", FaultClass::kStructural, FaultScope::kEach,
     take_kind<Activation::kGelu>},
    {"activation_gelu_tanh", "applies GELU in its tanh form", FaultClass::kStructural,
     FaultScope::kEach, take_kind<Activation::kGeluTanh>},
    {"activation_relu", "applies ReLU", FaultClass::kStructural, FaultScope::kEach,
     take_kind<Activation::kRelu>},
    {"activation_sigmoid", "applies a sigmoid", FaultClass::kStructural, FaultScope::kEach,
     take_kind<Activation::kSigmoid>},
    {"gelu_form", "applies the other form of GELU (tanh, exact)", FaultClass::kSubtle,
     FaultScope::kEach, take_other_gelu},
    {"activation_quick_gelu", "applies x sigmoid(1.702 x)", FaultClass::kVariant, FaultScope::kEach,
     take_kind<Activation::kQuickGelu>},
    {"activation_missing", "is not activated", FaultClass::kStructural, FaultScope::kEach,
     pass_gate_plainly},
    {"gate_up_swapped", "takes gate and up for one another", FaultClass::kStructural,
     FaultScope::kEach, swap_gate_and_up},
};

}  // namespace

std::span<const FaultRow> activation_faults() {
  return kRows;
}

}  // namespace plumb::library
