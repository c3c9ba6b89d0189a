// Causal convolutions and the gated delta rule.
#pragma once

#include "graph/ops/step.h"
#include "model/spec.h"

namespace plumb::graph {

// y[t, c] = act(sum_k w[f, k] x[t - kernel + 1 + k, c] + b[c]), f = c / (channels / filters), zeros
// before the first position.
struct CausalConv {
  static constexpr std::string_view kName = "causal_conv";
  enum : int { kProduct, kSum, kConvolved, kOutput };
  static constexpr Step kSteps[] = {{"product", StepKind::kStorage},
                                    {"sum", StepKind::kSum},
                                    {"convolved", StepKind::kStorage},
                                    {"output", StepKind::kStorage}};
  StepKind step_kind(int step) const {
    return step == kProduct && !products_stored ? StepKind::kOperand : kSteps[step].kind;
  }

  int filters = 0;
  int kernel = 0;
  bool silu = false;
  bool products_stored = false;  // each in the model's dtype, before the sum

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("filters", self.filters);
    visit("kernel", self.kernel);
    visit("silu", self.silu);
    visit("products_stored", self.products_stored);
  }
  bool operator==(const CausalConv&) const = default;
};

// g = -exp(A_log) softplus(a + dt_bias), per value head
struct DeltaDecay {
  static constexpr std::string_view kName = "delta_decay";
  enum : int { kOutput };
  static constexpr Step kSteps[] = {{"output", StepKind::kCompute}};

  template <class Self, class Visit>
  static void attributes(Self&, Visit&&) {}
  bool operator==(const DeltaDecay&) const = default;
};

// Per value head, over positions: S <- exp(g) S; S <- S + k (beta (v - S^T k))^T; y = S^T q, with q
// and k at unit length (x / sqrt(sum x^2 + eps)), q times key_dim^-0.5; value head h reads key head
// h / (value_heads / key_heads). Inputs: [q | k | v] rows, beta, g.
struct GatedDeltaRule {
  static constexpr std::string_view kName = "gated_delta_rule";
  enum : int { kUnit, kSum, kState, kOutput };
  static constexpr Step kSteps[] = {{"unit", StepKind::kCompute},
                                    {"sum", StepKind::kSum},
                                    {"state", StepKind::kCompute},
                                    {"output", StepKind::kStorage}};

  int key_heads = 0;
  int value_heads = 0;
  int key_dim = 0;
  int value_dim = 0;
  double unit_eps = 1e-6;
  double query_scale = 1.0;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("key_heads", self.key_heads);
    visit("value_heads", self.value_heads);
    visit("key_dim", self.key_dim);
    visit("value_dim", self.value_dim);
    visit("unit_eps", self.unit_eps);
    visit("query_scale", self.query_scale);
  }
  bool operator==(const GatedDeltaRule&) const = default;
};

}  // namespace plumb::graph
