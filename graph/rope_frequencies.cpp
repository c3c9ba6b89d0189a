#include "graph/rope_frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

namespace plumb::graph {
namespace {

using model::RopeScaling;
using model::RopeSpec;
using Kind = RopeScaling::Kind;

// NTK-aware: beyond the original context M the base grows with the sequence's length.
double dynamic_theta(const RopeSpec& rope, double length) {
  const double context = rope.scaling.max_position_embeddings;
  const double factor = rope.scaling.factor;
  const double reach = std::max(length, context);
  const double dim = rope.rotary_dim;
  return rope.theta * std::pow(factor * reach / context - (factor - 1.0), dim / (dim - 2.0));
}

// The dimension that turns `rotations` times over the original context.
double yarn_dimension(const RopeSpec& rope, double rotations) {
  const double context = rope.scaling.original_max_position_embeddings;
  return rope.rotary_dim * std::log(context / (rotations * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(rope.theta));
}

// YaRN: fast dimensions keep their frequency, slow ones are stretched, a ramp joins them. The
// bounds of the ramp are clamped to the rotary dimension although it runs over half as many
// frequencies.
class YarnRamp {
 public:
  explicit YarnRamp(const RopeSpec& rope) : factor_(rope.scaling.factor) {
    low_ = yarn_dimension(rope, rope.scaling.beta_fast);
    high_ = yarn_dimension(rope, rope.scaling.beta_slow);
    if (rope.scaling.truncate) {
      low_ = std::floor(low_);
      high_ = std::ceil(high_);
    }
    low_ = std::max(low_, 0.0);
    high_ = std::min(high_, rope.rotary_dim - 1.0);
    if (low_ == high_) high_ += 0.001;
  }

  double frequency(double plain, size_t i) const {
    const double ramp = std::clamp((static_cast<double>(i) - low_) / (high_ - low_), 0.0, 1.0);
    const double kept = 1.0 - ramp;
    return plain / factor_ * (1.0 - kept) + plain * kept;
  }

 private:
  double factor_;
  double low_;
  double high_;
};

}  // namespace

double llama3_frequency(double frequency, const RopeScaling& s) {
  const double context = s.original_max_position_embeddings;
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  if (wavelength < context / s.high_freq_factor) return frequency;
  if (wavelength > context / s.low_freq_factor) return frequency / s.factor;
  const double smooth =
      (context / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return (1.0 - smooth) * frequency / s.factor + smooth * frequency;
}

std::vector<double> inverse_frequencies(const RopeSpec& rope, double length) {
  const RopeScaling& scaling = rope.scaling;
  const double theta = scaling.kind == Kind::kDynamic ? dynamic_theta(rope, length) : rope.theta;
  const bool is_long = length > scaling.original_max_position_embeddings;
  const std::vector<double>& factors = is_long ? scaling.long_factor : scaling.short_factor;
  std::optional<YarnRamp> yarn;
  if (scaling.kind == Kind::kYarn) yarn.emplace(rope);
  std::vector<double> frequencies(static_cast<size_t>(rope.rotary_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double power = std::pow(theta, 2.0 * static_cast<double>(i) / rope.rotary_dim);
    const double plain = 1.0 / power;
    switch (scaling.kind) {
      case Kind::kDefault:
      case Kind::kDynamic:
        frequencies[i] = plain;
        break;
      case Kind::kLinear:
        frequencies[i] = plain / scaling.factor;
        break;
      case Kind::kProportional:
        frequencies[i] =
            i < static_cast<size_t>(scaling.turning_pairs) ? plain / scaling.factor : 0.0;
        break;
      case Kind::kLlama3:
        frequencies[i] = llama3_frequency(plain, scaling);
        break;
      case Kind::kYarn:
        frequencies[i] = yarn->frequency(plain, i);
        break;
      case Kind::kLongRope:
        frequencies[i] = 1.0 / (factors[i] * power);
        break;
    }
    if (rope.clockwise) frequencies[i] = -frequencies[i];
  }
  return frequencies;
}

}  // namespace plumb::graph
