// Norms over each of `groups` equal parts of a row. A weight as wide as a part is shared by all
// parts, one as wide as the row gives each its own; without a weight there is no scaling.
#pragma once

#include "graph/ops/step.h"
#include "model/spec.h"

namespace plumb::graph {

// y = x / sqrt(mean(x^2) + eps) * w
struct RmsNorm {
  static constexpr std::string_view kName = "rms_norm";
  enum : int {
    kInput,
    kWeight,
    kSquare,
    kScaled,
    kMeanSquare,
    kMean,
    kInverse,
    kNormalized,
    kOutput
  };
  static constexpr Step kSteps[] = {
      {"input", StepKind::kOperand},   {"weight", StepKind::kOperand},
      {"square", StepKind::kOperand},  {"scaled", StepKind::kStorage},
      {"mean_square", StepKind::kSum}, {"mean", StepKind::kCompute},
      {"inverse", StepKind::kCompute}, {"normalized", StepKind::kStorage},
      {"output", StepKind::kStorage}};
  StepKind step_kind(int step) const {
    return step == kNormalized && rounding == model::NormRounding::kAfterWeight ? StepKind::kCompute
                                                                                : kSteps[step].kind;
  }

  double eps = 0.0;
  int groups = 1;
  bool unit_offset = false;   // times (1 + w)
  bool input_scaled = false;  // w multiplies x before the norm, and nothing after it
  model::NormRounding rounding = model::NormRounding::kBeforeWeight;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("eps", self.eps);
    visit("groups", self.groups);
    visit("unit_offset", self.unit_offset);
    visit("input_scaled", self.input_scaled);
    visit("rounding", self.rounding);
  }
  bool operator==(const RmsNorm&) const = default;
};

// y = (x - mean(x)) / sqrt(var(x) + eps) * w (+ b)
struct LayerNorm {
  static constexpr std::string_view kName = "layer_norm";
  enum : int { kMean, kVariance, kWeight, kNormalized, kOutput };
  static constexpr Step kSteps[] = {{"mean", StepKind::kSum},
                                    {"variance", StepKind::kSum},
                                    {"weight", StepKind::kStorage},
                                    {"normalized", StepKind::kCompute},
                                    {"output", StepKind::kStorage}};

  double eps = 0.0;
  int groups = 1;
  bool unit_offset = false;  // times (1 + w), the sum in the model's dtype

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("eps", self.eps);
    visit("groups", self.groups);
    visit("unit_offset", self.unit_offset);
  }
  bool operator==(const LayerNorm&) const = default;
};

}  // namespace plumb::graph
