// Rotations by other frequencies, other positions, or where none belong.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/dtype.h"
#include "compare/library/edits.h"
#include "graph/rope_frequencies.h"

namespace plumb::library {
namespace {

using graph::Rope;
using model::RopeScaling;
using model::RopeSpec;
using trace::TapId;

using Kind = RopeScaling::Kind;

bool turns_anything(const Rope* rope) {
  return rope != nullptr && rope->rope.rotary_dim > 0;
}

RopeSpec unscaled(RopeSpec rope) {
  rope.scaling = RopeScaling{};
  return rope;
}

// How long a prompt is has no part in what these compute.
std::vector<double> own_frequencies(const RopeSpec& rope) {
  return graph::inverse_frequencies(rope, 1.0);
}

bool take(Mutation& m, size_t op, std::vector<double> frequencies) {
  if (frequencies == own_frequencies(right<Rope>(m, op)->rope)) return false;
  m.deviation(op).frequencies = std::move(frequencies);
  return true;
}

// The share of the plain frequency in llama3's middle band; none outside it.
std::optional<double> share_of_plain(double plain, const RopeScaling& s) {
  const double turns = s.original_max_position_embeddings * plain / (2.0 * std::numbers::pi);
  if (turns > s.high_freq_factor || turns < s.low_freq_factor) return std::nullopt;
  return (turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
}

// What people make of that band's formula ((1 - share) / factor + share) * plain.
constexpr std::string_view kBands[] = {
    "leaves the middle band of frequencies unscaled",
    "divides the middle band of frequencies by the whole factor",
    "blends wavelengths instead of frequencies in the middle band",
    "exchanges the shares of the two frequencies in the middle band",
    "leaves the parentheses of the middle band out: 1 - share * plain / factor + share * plain",
    "leaves the parentheses of the middle band out: plain / (1 - share) / factor + share",
    "leaves the parentheses of the middle band out: 1 - share / factor + share",
};
constexpr double kBandCount[] = {0, 1, 2, 3, 4, 5, 6};

double blend(double plain, double share, double factor, int which) {
  switch (which) {
    case 0:
      return plain;
    case 1:
      return plain / factor;
    case 2:
      return plain / ((1.0 - share) * factor + share);
    case 3:
      return (share / factor + 1.0 - share) * plain;
    case 4:
      return 1.0 - share * plain / factor + share * plain;
    case 5:
      return 1.0 / (1.0 / plain / (1.0 - share) / factor + share);
    default:
      return (1.0 - share / factor + share) * plain;
  }
}

bool blend_otherwise(Mutation& m, size_t op, double which) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.scaling.kind != Kind::kLlama3) return false;
  const RopeScaling& scaling = rope->rope.scaling;
  const std::vector<double> plain = own_frequencies(unscaled(rope->rope));
  std::vector<double> frequencies = own_frequencies(rope->rope);
  for (size_t i = 0; i < plain.size(); ++i) {
    const auto share = share_of_plain(plain[i], scaling);
    if (share) frequencies[i] = blend(plain[i], *share, scaling.factor, static_cast<int>(which));
  }
  return take(m, op, std::move(frequencies));
}

// The ends of yarn's ramp, whole dimensions or not.
bool toggle_truncation(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.scaling.kind != Kind::kYarn) return false;
  RopeSpec other = rope->rope;
  other.scaling.truncate = !other.scaling.truncate;
  return take(m, op, own_frequencies(other));
}

// A number of the scaling, so many times what it should be.
bool multiply_number(Mutation& m, size_t op, int which, double by) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope) return false;
  static constexpr double RopeScaling::*kFields[] = {
      &RopeScaling::factor,          &RopeScaling::original_max_position_embeddings,
      &RopeScaling::low_freq_factor, &RopeScaling::high_freq_factor,
      &RopeScaling::beta_fast,       &RopeScaling::beta_slow};
  const Kind kind = rope->rope.scaling.kind;
  if (kind != Kind::kLinear && kind != Kind::kLlama3 && kind != Kind::kYarn) return false;
  RopeSpec other = rope->rope;
  other.scaling.*kFields[which] *= by;
  return take(m, op, own_frequencies(other));
}

template <int kNumber>
bool multiply_scaling(Mutation& m, size_t op, double by) {
  return multiply_number(m, op, kNumber, by);
}

// All frequencies divided by the factor, whatever the kind of scaling.
bool scale_linearly(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.scaling.factor == 1.0 || rope->rope.scaling.kind == Kind::kDynamic) {
    return false;
  }
  RopeSpec other = rope->rope;
  other.scaling.kind = Kind::kLinear;
  return take(m, op, own_frequencies(other));
}

bool take_long_factors(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.scaling.kind != Kind::kLongRope) return false;
  const auto& scaling = rope->rope.scaling;
  if (scaling.short_factor == scaling.long_factor) return false;
  changed<Rope>(m, op).rope.scaling.short_factor = scaling.long_factor;
  return true;
}

bool take_short_factors(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.scaling.kind != Kind::kLongRope) return false;
  const auto& scaling = rope->rope.scaling;
  if (scaling.short_factor == scaling.long_factor) return false;
  changed<Rope>(m, op).rope.scaling.long_factor = scaling.short_factor;
  return true;
}

// theta^(-2i / head_dim) where a part of the head turns.
bool divide_by_head(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.rotary_dim == rope->head_dim || rope->rope.rotary_dim <= 2) return false;
  if (rope->rope.scaling.kind != Kind::kDefault) return false;
  std::vector<double> frequencies;
  for (int i = 0; i < rope->rope.rotary_dim / 2; ++i) {
    frequencies.push_back(std::pow(rope->rope.theta, -2.0 * i / rope->head_dim));
  }
  return take(m, op, std::move(frequencies));
}

bool turn_other_end(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.rotary_dim == rope->head_dim) return false;
  const int last = rope->head_dim - rope->rope.rotary_dim;
  changed<Rope>(m, op).rope.rotary_offset = rope->rope.rotary_offset == 0 ? last : 0;
  return true;
}

bool turn_part(Mutation& m, size_t op, double share) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.scaling.kind == Kind::kLongRope) return false;
  const auto width = static_cast<int>(rope->rope.rotary_dim * share);
  if (width < 2 || width % 2 != 0) return false;
  changed<Rope>(m, op).rope.rotary_dim = width;
  return true;
}

bool multiply_positions(Mutation& m, size_t op, double by) {
  if (!turns_anything(right<Rope>(m, op))) return false;
  m.deviation(op).position_factor = by;
  return true;
}

template <base::DType kType>
bool round_frequencies(Mutation& m, size_t op, double) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.scaling.kind == Kind::kDynamic) return false;
  std::vector<double> frequencies = own_frequencies(rope->rope);
  for (double& v : frequencies) v = base::round_to(kType, v);
  return take(m, op, std::move(frequencies));
}

template <base::DType kType>
bool round_positions(Mutation& m, size_t op, double) {
  if (!turns_anything(right<Rope>(m, op))) return false;
  m.deviation(op).positions = kType;
  return true;
}

bool turns(const graph::Graph& graph, int layer) {
  return std::ranges::any_of(graph.ops, [&](const graph::Op& op) {
    return op.layer == layer && std::holds_alternative<Rope>(op.kind);
  });
}

// Rotated as other layers are, where none belongs.
bool turn_anyway(Mutation& m, size_t op, double) {
  const graph::Op& own = m.original(op);
  const bool enters_scores = makes(m, op, TapId::kQRope) || makes(m, op, TapId::kKRope);
  if (!enters_scores || turns(m.graph(), own.layer)) return false;
  const auto& shape = m.graph().value(own.outputs.front()).shape;
  for (size_t i = 0; i < m.graph().ops.size(); ++i) {
    const Rope* theirs = right<Rope>(m, i);
    if (!theirs || theirs->head_dim != shape.back()) continue;
    Rope rope = *theirs;
    rope.heads = shape.size() == 2 ? shape[0] : 1;
    m.deviation(op).turned = rope;
    return true;
  }
  return false;
}

// A dynamic rope with the base of a prompt so many times as long as the original context: one that
// came before.
bool keep_base(Mutation& m, size_t op, double contexts) {
  const Rope* rope = right<Rope>(m, op);
  if (!rope || rope->rope.scaling.kind != Kind::kDynamic) return false;
  m.deviation(op).frequencies =
      graph::inverse_frequencies(rope->rope, contexts * rope->rope.scaling.max_position_embeddings);
  return true;
}

bool shift_temperature(Mutation& m, size_t op, double by) {
  if (!right<graph::PositionScale>(m, op)) return false;
  m.deviation(op).position_shift = static_cast<int64_t>(by);
  return true;
}

constexpr double kTimes[] = {0.125, 0.25, 0.5, 2.0, 4.0, 8.0, 1.02};
constexpr double kContexts[] = {1.25, 2.0, 4.0, 8.0};
constexpr double kShares[] = {0.25, 0.5};
constexpr double kSteps[] = {1.0, -1.0};
constexpr double kFactors[] = {1.02, 0.5, 2.0};

constexpr FaultClass kVariant = FaultClass::kVariant;
constexpr FaultScope kLayer = FaultScope::kLayer;

constexpr FaultRow kRows[] = {
    {.cause = "rope_anyway",
     .says = "rotates queries and keys, which it should not",
     .severity = kVariant,
     .scope = kLayer,
     .apply = turn_anyway},
    {.cause = "rope_band",
     .says = "{}",
     .severity = kVariant,
     .scope = kLayer,
     .apply = blend_otherwise,
     .values = kBandCount,
     .names = kBands},
    {.cause = "rope_ramp_rounded",
     .says = "does (or leaves out) the rounding of the ramp's ends to whole dimensions",
     .severity = kVariant,
     .scope = kLayer,
     .apply = toggle_truncation},
    {.cause = "rope_scaling_linear",
     .says = "divides all frequencies of the rope by the factor",
     .severity = kVariant,
     .scope = kLayer,
     .apply = scale_linearly},
    {.cause = "rope_factor",
     .says = "scales the rope's frequencies with {:.4g} times the factor",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_scaling<0>,
     .values = kFactors,
     .fitted = true},
    {.cause = "rope_original_context",
     .says = "scales the rope's frequencies with {:.4g} times the original context",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_scaling<1>,
     .values = kFactors,
     .fitted = true},
    {.cause = "rope_low_freq_factor",
     .says = "scales the rope's frequencies with {:.4g} times the low frequency factor",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_scaling<2>,
     .values = kFactors,
     .fitted = true},
    {.cause = "rope_high_freq_factor",
     .says = "scales the rope's frequencies with {:.4g} times the high frequency factor",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_scaling<3>,
     .values = kFactors,
     .fitted = true},
    {.cause = "rope_beta_fast",
     .says = "scales the rope's frequencies with {:.4g} times beta_fast",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_scaling<4>,
     .values = kFactors,
     .fitted = true},
    {.cause = "rope_beta_slow",
     .says = "scales the rope's frequencies with {:.4g} times beta_slow",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_scaling<5>,
     .values = kFactors,
     .fitted = true},
    {.cause = "rope_long_factors",
     .says = "takes the rope's long factors for short prompts",
     .severity = kVariant,
     .scope = kLayer,
     .apply = take_long_factors,
     .needs_length = false},
    {.cause = "rope_short_factors",
     .says = "takes the rope's short factors for long prompts",
     .severity = kVariant,
     .scope = kLayer,
     .apply = take_short_factors,
     .needs_length = true},
    {.cause = "rope_exponent",
     .says = "derives the rope's frequencies from the whole head's width",
     .severity = kVariant,
     .scope = kLayer,
     .apply = divide_by_head},
    {.cause = "rope_other_end",
     .says = "rotates the other end of each head",
     .severity = kVariant,
     .scope = kLayer,
     .apply = turn_other_end},
    {.cause = "rope_width",
     .says = "rotates {:g} of what it should rotate of each head",
     .severity = kVariant,
     .scope = kLayer,
     .apply = turn_part,
     .values = kShares},
    {.cause = "rope_position_factor",
     .says = "rotates by {:.4g} times the position",
     .severity = kVariant,
     .scope = kLayer,
     .apply = multiply_positions,
     .values = kTimes,
     .fitted = true},
    {.cause = "rope_frequencies_bf16",
     .says = "holds the rope's frequencies in bfloat16",
     .severity = kVariant,
     .scope = kLayer,
     .apply = round_frequencies<base::DType::kBF16>},
    {.cause = "rope_frequencies_f16",
     .says = "holds the rope's frequencies in float16",
     .severity = kVariant,
     .scope = kLayer,
     .apply = round_frequencies<base::DType::kF16>},
    {.cause = "rope_positions_bf16",
     .says = "holds positions in bfloat16",
     .severity = kVariant,
     .scope = kLayer,
     .apply = round_positions<base::DType::kBF16>,
     .needs_length = true},
    {.cause = "rope_base_kept",
     .says = "rotates as in a prompt of {:.4g} times the original context",
     .severity = kVariant,
     .scope = kLayer,
     .apply = keep_base,
     .values = kContexts,
     .fitted = true,
     .needs_length = true},
    {.cause = "query_temperature_position",
     .says = "counts positions of the queries' temperature {:+g} off",
     .severity = kVariant,
     .scope = kLayer,
     .apply = shift_temperature,
     .values = kSteps,
     .needs_length = true},
};

}  // namespace

std::span<const FaultRow> frequency_faults() {
  return kRows;
}

}  // namespace plumb::library
