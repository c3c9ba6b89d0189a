// Products with a weight matrix.
#pragma once

#include "graph/ops/step.h"

namespace plumb::graph {

// y[t] = table[token[t]]
struct Embedding {
  static constexpr std::string_view kName = "embedding";
  enum : int { kOutput, kWeight };
  static constexpr Step kSteps[] = {{"output", StepKind::kStorage}, {"weight", StepKind::kStorage}};

  template <class Self, class Visit>
  static void attributes(Self&, Visit&&) {}
  bool operator==(const Embedding&) const = default;
};

// y = x W^T (+ b)
struct Linear {
  static constexpr std::string_view kName = "linear";
  enum : int {
    kInput,
    kSum,
    kOutput,
    kLength,
    kRow,
    kWeight
  };  // kLength, kRow: of normalized rows
  static constexpr Step kSteps[] = {{"input", StepKind::kOperand},  {"sum", StepKind::kSum},
                                    {"output", StepKind::kStorage}, {"length", StepKind::kStorage},
                                    {"row", StepKind::kStorage},    {"weight", StepKind::kStorage}};
  StepKind step_kind(int step) const {
    return step == kOutput && in_float32 ? StepKind::kCompute : kSteps[step].kind;
  }

  bool in_float32 = false;       // the result is not stored in the model's dtype
  bool normalized_rows = false;  // W's rows at unit length: w / max(|w|, 1e-12)

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("in_float32", self.in_float32);
    visit("normalized_rows", self.normalized_rows);
  }
  bool operator==(const Linear&) const = default;
};

}  // namespace plumb::graph
