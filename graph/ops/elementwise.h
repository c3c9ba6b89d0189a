// Ops on the elements of a row.
#pragma once

#include "graph/ops/step.h"
#include "model/spec.h"

namespace plumb::graph {

// y = factor x
struct Scale {
  static constexpr std::string_view kName = "scale";
  enum : int { kFactor, kOutput };
  static constexpr Step kSteps[] = {{"factor", StepKind::kStorage}, {"output", StepKind::kStorage}};
  StepKind step_kind(int step) const {
    return step == kFactor && !factor_rounded ? StepKind::kOperand : kSteps[step].kind;
  }

  double factor = 1.0;
  bool factor_rounded = false;  // to the model's dtype before it multiplies

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("factor", self.factor);
    visit("factor_rounded", self.factor_rounded);
  }
  bool operator==(const Scale&) const = default;
};

// y = stream + multiplier branch
struct Add {
  static constexpr std::string_view kName = "add";
  enum : int { kProduct, kOutput };
  static constexpr Step kSteps[] = {{"product", StepKind::kStorage},
                                    {"output", StepKind::kStorage}};

  double multiplier = 1.0;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("multiplier", self.multiplier);
  }
  bool operator==(const Add&) const = default;
};

// The norm-preserving residual of rlformers: y = alpha stream + beta branch per channel, with
// beta = sigmoid(w / 0.3), alpha = sqrt(max(1 - beta^2, 1e-3)).
struct GatedResidual {
  static constexpr std::string_view kName = "gated_residual";
  enum : int { kOutput };
  static constexpr Step kSteps[] = {{"output", StepKind::kStorage}};

  template <class Self, class Visit>
  static void attributes(Self&, Visit&&) {}
  bool operator==(const GatedResidual&) const = default;
};

// y = min(max(x, -limit), limit)
struct Clamp {
  static constexpr std::string_view kName = "clamp";
  enum : int { kOutput };
  static constexpr Step kSteps[] = {{"output", StepKind::kStorage}};

  double limit = 0.0;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("limit", self.limit);
  }
  bool operator==(const Clamp&) const = default;
};

// y = cap tanh(x / cap)
struct SoftCap {
  static constexpr std::string_view kName = "soft_cap";
  enum : int { kDivided, kTanh, kOutput };
  static constexpr Step kSteps[] = {{"divided", StepKind::kStorage},
                                    {"tanh", StepKind::kStorage},
                                    {"output", StepKind::kStorage}};

  double cap = 0.0;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("cap", self.cap);
  }
  bool operator==(const SoftCap&) const = default;
};

// y = act(x)
struct Activate {
  static constexpr std::string_view kName = "activation";
  enum : int { kScalar, kOutput };  // kScalar: xielu, whose every operation is stored
  static constexpr Step kSteps[] = {{"scalar", StepKind::kStorage}, {"output", StepKind::kStorage}};

  model::Activation activation = model::Activation::kSilu;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("activation", self.activation);
  }
  bool operator==(const Activate&) const = default;
};

// y = act(gate) * up
struct GatedActivation {
  static constexpr std::string_view kName = "gated_activation";
  enum : int { kActivated, kOutput };
  static constexpr Step kSteps[] = {{"activated", StepKind::kStorage},
                                    {"output", StepKind::kStorage}};

  model::Activation activation = model::Activation::kSilu;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("activation", self.activation);
  }
  bool operator==(const GatedActivation&) const = default;
};

// y = x * act(gate + b); each number of the gate serves an equal part of the row, and each of b an
// equal part of the gate.
struct Gate {
  static constexpr std::string_view kName = "gate";
  enum : int { kActivated, kOutput, kBiased };
  static constexpr Step kSteps[] = {{"activated", StepKind::kStorage},
                                    {"output", StepKind::kStorage},
                                    {"biased", StepKind::kStorage}};
  StepKind step_kind(int step) const {
    return step == kActivated && in_float32 ? StepKind::kCompute : kSteps[step].kind;
  }

  model::Activation activation = model::Activation::kSigmoid;
  bool in_float32 = false;  // the activated gate is not stored

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("activation", self.activation);
    visit("in_float32", self.in_float32);
  }
  bool operator==(const Gate&) const = default;
};

// Joins its inputs within each of `groups` parts of a row. With broadcast_last, the last input has
// one part, which every part of the others takes.
struct Concat {
  static constexpr std::string_view kName = "concat";
  enum : int { kOutput };
  static constexpr Step kSteps[] = {{"output", StepKind::kStorage}};

  int groups = 1;
  bool broadcast_last = false;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("groups", self.groups);
    visit("broadcast_last", self.broadcast_last);
  }
  bool operator==(const Concat&) const = default;
};

}  // namespace plumb::graph
