// Mixtures of experts: the choice, and the chosen at work.
#pragma once

#include "graph/ops/step.h"
#include "model/spec.h"

namespace plumb::graph {

// From the logits of the experts, the top_k chosen (outputs: ids, weights), best first. Among equal
// scores the lower expert, and the lower group, is chosen first.
struct Route {
  static constexpr std::string_view kName = "route";
  enum : int { kScores, kOutput };
  static constexpr Step kSteps[] = {{"scores", StepKind::kCompute}, {"output", StepKind::kCompute}};
  StepKind step_kind(int step) const {
    const bool rounded = step == kScores ? router.scores_rounded : router.weights_rounded;
    return rounded ? StepKind::kStorage : kSteps[step].kind;
  }

  model::RouterSpec router;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    auto& r = self.router;
    visit("experts", r.num_experts);
    visit("top_k", r.top_k);
    visit("scores", r.scores);
    visit("correction_bias", r.correction_bias);
    visit("choice_on_logits", r.choice_on_logits);
    visit("num_groups", r.num_groups);
    visit("top_groups", r.top_groups);
    visit("group_experts", r.group_experts);
    visit("normalize", r.normalize);
    visit("normalize_eps", r.normalize_eps);
    visit("normalize_min", r.normalize_min);
    visit("normalize_norm", r.normalize_norm);
    visit("scaling", r.scaling);
    visit("scores_rounded", r.scores_rounded);
    visit("weights_rounded", r.weights_rounded);
  }
  bool operator==(const Route&) const = default;
};

// y = sum over the chosen e of weight_e * down_e(act(gate_e x) * up_e x), added in the order of the
// experts. Inputs: x, ids, weights.
struct Experts {
  static constexpr std::string_view kName = "experts";
  enum : int { kInput, kSum, kProjected, kActivated, kProduct, kWeighted, kOutput, kWeight };
  static constexpr Step kSteps[] = {
      {"input", StepKind::kOperand},     {"sum", StepKind::kSum},
      {"projected", StepKind::kStorage}, {"activated", StepKind::kStorage},
      {"product", StepKind::kStorage},   {"weighted", StepKind::kStorage},
      {"output", StepKind::kStorage},    {"weight", StepKind::kStorage}};

  int experts = 0;
  int intermediate_size = 0;
  model::Activation activation = model::Activation::kSilu;
  bool bias = false;
  double glu_limit = 0.0;  // clamped_glu: gate <= limit, |up| <= limit
  double glu_alpha = 0.0;  // clamped_glu: gate sigmoid(alpha gate) (up + 1)

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("experts", self.experts);
    visit("intermediate_size", self.intermediate_size);
    visit("activation", self.activation);
    visit("bias", self.bias);
    visit("glu_limit", self.glu_limit);
    visit("glu_alpha", self.glu_alpha);
  }
  bool operator==(const Experts&) const = default;
};

}  // namespace plumb::graph
