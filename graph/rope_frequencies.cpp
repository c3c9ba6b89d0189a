#include "graph/rope_frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace plumb::graph {
namespace {

using model::RopeScaling;
using model::RopeSpec;

// Slow rotations are stretched by `factor`, fast ones kept, those between are blended.
double llama3_frequency(double frequency, const RopeScaling& s) {
  const double context = s.original_max_position_embeddings;
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  if (wavelength < context / s.high_freq_factor) return frequency;
  if (wavelength > context / s.low_freq_factor) return frequency / s.factor;
  const double smooth =
      (context / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return (1.0 - smooth) * frequency / s.factor + smooth * frequency;
}

// NTK-aware: beyond the original context M the base grows with the sequence's length.
double dynamic_theta(const RopeSpec& rope, double length) {
  const double context = rope.scaling.max_position_embeddings;
  const double factor = rope.scaling.factor;
  const double reach = std::max(length, context);
  const double dim = rope.rotary_dim;
  return rope.theta * std::pow(factor * reach / context - (factor - 1.0), dim / (dim - 2.0));
}

}  // namespace

std::vector<double> inverse_frequencies(const RopeSpec& rope, double length) {
  const double theta = rope.scaling.kind == RopeScaling::Kind::kDynamic
                           ? dynamic_theta(rope, length)
                           : rope.theta;
  std::vector<double> frequencies(static_cast<size_t>(rope.rotary_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double frequency = 1.0 / std::pow(theta, 2.0 * static_cast<double>(i) / rope.rotary_dim);
    if (rope.scaling.kind == RopeScaling::Kind::kLinear) frequency /= rope.scaling.factor;
    if (rope.scaling.kind == RopeScaling::Kind::kLlama3) {
      frequency = llama3_frequency(frequency, rope.scaling);
    }
    frequencies[i] = frequency;
  }
  return frequencies;
}

}  // namespace plumb::graph
