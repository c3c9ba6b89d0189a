// What depends on the position.
#pragma once

#include "graph/ops/step.h"
#include "model/spec.h"

namespace plumb::graph {

// Rotates pairs of dimensions of every head by position * inverse_frequency.
struct Rope {
  static constexpr std::string_view kName = "rope";
  enum : int { kAngle, kTable, kProduct, kOutput };
  static constexpr Step kSteps[] = {{"angle", StepKind::kCompute},
                                    {"table", StepKind::kStorage},
                                    {"product", StepKind::kStorage},
                                    {"output", StepKind::kStorage}};
  StepKind step_kind(int step) const {
    using model::RopeRounding;
    const bool in_float32 = (step == kTable && rope.rounding == RopeRounding::kOutput) ||
                            (step == kProduct && rope.rounding != RopeRounding::kEveryStep);
    return in_float32 ? StepKind::kCompute : kSteps[step].kind;
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
    visit("rotary_offset", self.rope.rotary_offset);
    visit("pairs", self.rope.pairs);
    visit("attention_factor", self.rope.attention_factor);
    visit("clockwise", self.rope.clockwise);
    visit("rounding", self.rope.rounding);
    auto& scaling = self.rope.scaling;
    visit("rope_type", scaling.kind);
    visit("factor", scaling.factor);
    visit("low_freq_factor", scaling.low_freq_factor);
    visit("high_freq_factor", scaling.high_freq_factor);
    visit("beta_fast", scaling.beta_fast);
    visit("beta_slow", scaling.beta_slow);
    visit("truncate", scaling.truncate);
    visit("short_factor", scaling.short_factor);
    visit("long_factor", scaling.long_factor);
    visit("original_max_position_embeddings", scaling.original_max_position_embeddings);
    visit("max_position_embeddings", scaling.max_position_embeddings);
    visit("turning_pairs", scaling.turning_pairs);
  }
  bool operator==(const Rope&) const = default;
};

// y = x times model::QueryTemperature's factor of the position
struct PositionScale {
  static constexpr std::string_view kName = "position_scale";
  enum : int { kFactor, kOutput };
  static constexpr Step kSteps[] = {{"factor", StepKind::kStorage}, {"output", StepKind::kStorage}};

  model::QueryTemperature temperature;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    auto& t = self.temperature;
    visit("beta", t.beta);
    visit("original_max_position_embeddings", t.original_max_position_embeddings);
    visit("growth", t.growth);
    visit("offset", t.offset);
  }
  bool operator==(const PositionScale&) const = default;
};

// y[t] = table[position + offset]; without a table the sinusoids [sin(a_i) | cos(a_i)], a_i =
// (position + offset) 10000^(-i / spread).
struct PositionEmbedding {
  static constexpr std::string_view kName = "position_embedding";
  enum : int { kAngle, kOutput, kWeight };
  static constexpr Step kSteps[] = {{"angle", StepKind::kCompute},
                                    {"output", StepKind::kStorage},
                                    {"weight", StepKind::kStorage}};

  int offset = 0;
  double spread = 0.0;

  template <class Self, class Visit>
  static void attributes(Self& self, Visit&& visit) {
    visit("offset", self.offset);
    visit("spread", self.spread);
  }
  bool operator==(const PositionEmbedding&) const = default;
};

}  // namespace plumb::graph
