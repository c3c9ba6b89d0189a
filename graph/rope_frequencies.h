// The inverse frequencies of a rotary embedding.
// Source: transformers 5.23, modeling_rope_utils.py, ROPE_INIT_FUNCTIONS.
#pragma once

#include <vector>

#include "model/spec.h"

namespace plumb::graph {

// rotary_dim / 2 frequencies in float64, radians a position. `length` is the number of positions of
// the whole sequence, on which "dynamic" and "longrope" depend.
std::vector<double> inverse_frequencies(const model::RopeSpec& rope, double length);

// What "llama3" makes of one frequency: slow rotations are stretched by `factor`, fast ones kept,
// those between are blended.
double llama3_frequency(double frequency, const model::RopeScaling& s);

// True when `length` matters: a token then changes what the positions before it are worth.
inline bool depends_on_length(const model::RopeSpec& rope) {
  using Kind = model::RopeScaling::Kind;
  const model::RopeScaling& scaling = rope.scaling;
  return scaling.kind == Kind::kDynamic ||
         (scaling.kind == Kind::kLongRope && scaling.short_factor != scaling.long_factor);
}

}  // namespace plumb::graph
