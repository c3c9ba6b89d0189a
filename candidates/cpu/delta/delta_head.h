// One value head of a gated delta rule over the tokens of one sequence: what it reads and writes.
#pragma once

#include <cstddef>

#include "candidates/cpu/simd/buffer.h"

namespace plumb::candidates::cpu {

// The first token's numbers and their distance from token to token, in floats.
template <class T>
struct Track {
  T* first;
  size_t stride;

  T* at(size_t t) const { return first + t * stride; }
};

// Columns of the state that a kernel takes at a time, at any target.
inline constexpr size_t kMostBlockColumns = 2 * kAlignment / sizeof(float);

struct DeltaHead {
  size_t tokens;
  size_t key_dim;
  size_t value_dim;
  Track<const float> q;  // at unit length, times the query's scale
  Track<const float> k;  // at unit length
  Track<const float> v;
  Track<const float> beta;
  Track<const float> decay;  // exp(g)
  Track<float> out;
  float* state;  // [key_dim, value_dim]
};

}  // namespace plumb::candidates::cpu
