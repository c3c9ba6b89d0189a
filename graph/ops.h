// The op kinds: attributes and numerical sub-steps, one struct a kind.
//
// A forward is a list of these. A struct's fields are its attributes; attributes() names each once,
// for printing, comparing and editing. Step lists the sub-steps in which a low-precision engine may
// round, and step_kind() says what kind of place each is; contract.h maps kinds to dtypes. What an
// op computes, and where that is stated, stands in op_table.cpp.
//
// To add an op: a struct here, a row in op_table.cpp, a kernel in reference/ and one in
// candidates/cpu/ under the op's name, and a test.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "model/spec.h"

namespace plumb::graph {

// What a low-precision engine does at a sub-step.
enum class StepKind : uint8_t {
  kStorage,  // the value is stored in the model's dtype
  kCompute,  // the value stays in the type of computation (float32)
  kSum,      // the value is a sum, accumulated in the type of accumulation
  kOperand,  // an input of a product: rounded only where a contract says so
};

// y[t] = table[token[t]]
struct Embedding {
  static constexpr std::string_view kName = "embedding";
  enum Step : uint8_t { kOutput };
  static constexpr std::string_view kSteps[] = {"output"};
  StepKind step_kind(int) const { return StepKind::kStorage; }

  template <class Self, class Visit>
  static void attributes(Self&, Visit&&) {}
  bool operator==(const Embedding&) const = default;
};

// y = factor x
struct Scale {
  static constexpr std::string_view kName = "scale";
  enum Step : uint8_t { kFactor, kOutput };
  static constexpr std::string_view kSteps[] = {"factor", "output"};
  StepKind step_kind(int step) const {
    return step == kFactor && !factor_rounded ? StepKind::kCompute : StepKind::kStorage;
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

// y = x W^T (+ b)
struct Linear {
  static constexpr std::string_view kName = "linear";
  enum Step : uint8_t { kInput, kSum, kOutput };
  static constexpr std::string_view kSteps[] = {"input", "sum", "output"};
  StepKind step_kind(int step) const {
    return step == kInput ? StepKind::kOperand
                          : (step == kSum ? StepKind::kSum : StepKind::kStorage);
  }

  template <class Self, class Visit>
  static void attributes(Self&, Visit&&) {}
  bool operator==(const Linear&) const = default;
};

// y = x / sqrt(mean(x^2) + eps) * w, over each of `groups` equal parts of a row; w is shared by the
// groups.
struct RmsNorm {
  static constexpr std::string_view kName = "rms_norm";
  enum Step : uint8_t { kMeanSquare, kNormalized, kOutput };
  static constexpr std::string_view kSteps[] = {"mean_square", "normalized", "output"};
  StepKind step_kind(int step) const {
    if (step == kMeanSquare) return StepKind::kSum;
    return step == kNormalized && rounding == model::NormRounding::kAfterWeight
               ? StepKind::kCompute
               : StepKind::kStorage;
  }

  double eps = 0.0;
  int groups = 1;
  bool unit_offset = false;  // times (1 + w)
  model::NormRounding rounding = model::NormRounding::kBeforeWeight;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("eps", self.eps);
    visit("groups", self.groups);
    visit("unit_offset", self.unit_offset);
    visit("rounding", self.rounding);
  }
  bool operator==(const RmsNorm&) const = default;
};

// Rotates the pair (i, i + rotary_dim / 2) of every head by position * inverse_frequency[i].
struct Rope {
  static constexpr std::string_view kName = "rope";
  enum Step : uint8_t { kAngle, kTable, kProduct, kOutput };
  static constexpr std::string_view kSteps[] = {"angle", "table", "product", "output"};
  StepKind step_kind(int step) const {
    return step == kAngle ? StepKind::kCompute : StepKind::kStorage;
  }

  int heads = 0;
  int head_dim = 0;
  model::RopeSpec rope;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("heads", self.heads);
    visit("head_dim", self.head_dim);
    visit("theta", self.rope.theta);
    visit("rotary_dim", self.rope.rotary_dim);
    visit("rope_type", self.rope.scaling.kind);
    visit("factor", self.rope.scaling.factor);
    visit("low_freq_factor", self.rope.scaling.low_freq_factor);
    visit("high_freq_factor", self.rope.scaling.high_freq_factor);
    visit("original_max_position_embeddings", self.rope.scaling.original_max_position_embeddings);
    visit("max_position_embeddings", self.rope.scaling.max_position_embeddings);
  }
  bool operator==(const Rope&) const = default;
};

// Causal softmax attention of grouped heads: query head h reads key head h / (heads / kv_heads).
struct Attention {
  static constexpr std::string_view kName = "attention";
  enum Step : uint8_t {
    kQuery,
    kKey,
    kValue,
    kScoreSum,
    kScores,
    kScaled,
    kDivided,
    kTanh,
    kCapped,
    kProbabilities,
    kOutputSum,
    kOutput
  };
  static constexpr std::string_view kSteps[] = {
      "query", "key",  "value",  "score_sum",     "scores",     "scaled",
      "divided", "tanh", "capped", "probabilities", "output_sum", "output"};
  StepKind step_kind(int step) const {
    if (step <= kValue) return StepKind::kOperand;
    return step == kScoreSum || step == kOutputSum ? StepKind::kSum : StepKind::kStorage;
  }

  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  double scale = 1.0;
  int window = 0;         // keys a query sees, itself included; 0: all before it
  double soft_cap = 0.0;  // 0: none

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("heads", self.heads);
    visit("kv_heads", self.kv_heads);
    visit("head_dim", self.head_dim);
    visit("scale", self.scale);
    visit("window", self.window);
    visit("soft_cap", self.soft_cap);
  }
  bool operator==(const Attention&) const = default;
};

// y = act(gate) * up
struct GatedActivation {
  static constexpr std::string_view kName = "gated_activation";
  enum Step : uint8_t { kActivated, kOutput };
  static constexpr std::string_view kSteps[] = {"activated", "output"};
  StepKind step_kind(int) const { return StepKind::kStorage; }

  model::Activation activation = model::Activation::kSilu;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("activation", self.activation);
  }
  bool operator==(const GatedActivation&) const = default;
};

// y = stream + branch
struct Add {
  static constexpr std::string_view kName = "add";
  enum Step : uint8_t { kOutput };
  static constexpr std::string_view kSteps[] = {"output"};
  StepKind step_kind(int) const { return StepKind::kStorage; }

  template <class Self, class Visit>
  static void attributes(Self&, Visit&&) {}
  bool operator==(const Add&) const = default;
};

// y = cap tanh(x / cap)
struct SoftCap {
  static constexpr std::string_view kName = "soft_cap";
  enum Step : uint8_t { kDivided, kTanh, kOutput };
  static constexpr std::string_view kSteps[] = {"divided", "tanh", "output"};
  StepKind step_kind(int) const { return StepKind::kStorage; }

  double cap = 0.0;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("cap", self.cap);
  }
  bool operator==(const SoftCap&) const = default;
};

// From the scores of the experts, the top_k chosen (outputs: ids, weights), best first. Among equal
// scores the lower expert is chosen first.
struct Route {
  static constexpr std::string_view kName = "route";
  enum Step : uint8_t { kProbabilities, kOutput };
  static constexpr std::string_view kSteps[] = {"probabilities", "output"};
  StepKind step_kind(int) const { return StepKind::kCompute; }

  model::RouterSpec router;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("experts", self.router.num_experts);
    visit("top_k", self.router.top_k);
    visit("normalize", self.router.normalize);
  }
  bool operator==(const Route&) const = default;
};

// y = sum over the chosen e of weight_e * down_e(act(gate_e x) * up_e x), added in the order of the
// experts. Inputs: x, ids, weights.
struct Experts {
  static constexpr std::string_view kName = "experts";
  enum Step : uint8_t { kInput, kSum, kProjected, kActivated, kProduct, kWeighted, kOutput };
  static constexpr std::string_view kSteps[] = {"input",   "sum",      "projected", "activated",
                                                "product", "weighted", "output"};
  StepKind step_kind(int step) const {
    return step == kInput ? StepKind::kOperand
                          : (step == kSum ? StepKind::kSum : StepKind::kStorage);
  }

  int experts = 0;
  int intermediate_size = 0;
  model::Activation activation = model::Activation::kSilu;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("experts", self.experts);
    visit("intermediate_size", self.intermediate_size);
    visit("activation", self.activation);
  }
  bool operator==(const Experts&) const = default;
};

using OpKind = std::variant<Embedding, Scale, Linear, RmsNorm, Rope, Attention, GatedActivation,
                            Add, SoftCap, Route, Experts>;

}  // namespace plumb::graph
