// Softmax attention.
#pragma once

#include "graph/ops/step.h"
#include "model/spec.h"

namespace plumb::graph {

// Causal softmax attention of grouped heads: query head h reads key head h / (heads / kv_heads).
// With slopes, slope[h] * position of the key joins the score: z = scale q.k + bias, or scale (q.k
// + bias). With a weight, one sink logit per head joins the softmax and is dropped after it.
struct Attention {
  static constexpr std::string_view kName = "attention";
  enum : int {
    kQuery,
    kKey,
    kValue,
    kScoreSum,
    kScores,
    kScaled,
    kDivided,
    kTanh,
    kCapped,
    kShifted,
    kProbabilities,
    kOutputSum,
    kOutput,
    kBias,
    kBiased
  };
  static constexpr Step kSteps[] = {
      {"query", StepKind::kOperand},         {"key", StepKind::kOperand},
      {"value", StepKind::kOperand},         {"score_sum", StepKind::kSum},
      {"scores", StepKind::kStorage},        {"scaled", StepKind::kStorage},
      {"divided", StepKind::kStorage},       {"tanh", StepKind::kStorage},
      {"capped", StepKind::kStorage},        {"shifted", StepKind::kStorage},
      {"probabilities", StepKind::kStorage}, {"output_sum", StepKind::kSum},
      {"output", StepKind::kStorage},        {"bias", StepKind::kStorage},
      {"biased", StepKind::kStorage}};

  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int value_dim = 0;
  double scale = 1.0;
  int window = 0;          // keys a query sees, itself included; 0: all before it
  double soft_cap = 0.0;   // 0: none
  model::AlibiSpec alibi;  // without slopes: none

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("heads", self.heads);
    visit("kv_heads", self.kv_heads);
    visit("head_dim", self.head_dim);
    visit("value_dim", self.value_dim);
    visit("scale", self.scale);
    visit("window", self.window);
    visit("soft_cap", self.soft_cap);
    visit("slopes", self.alibi.slopes);
    visit("bias_before_scale", self.alibi.before_scale);
    visit("bias_in_bfloat16", self.alibi.in_bfloat16);
  }
  bool operator==(const Attention&) const = default;
};

}  // namespace plumb::graph
