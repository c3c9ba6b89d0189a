// The last inputs of one causal convolution for one sequence.
#pragma once

#include <cstddef>

#include "candidates/cpu/simd/buffer.h"

namespace plumb::candidates::cpu {

// float32 [kernel, channels], the oldest first; zeros stand before the first position. The oldest
// is for the record alone: the next output does not see it. A copy is a snapshot.
class ConvState {
 public:
  ConvState(size_t kernel, size_t channels);

  void clear();
  void reserve(size_t) {}
  // The input `back` positions before the next one, 1 <= back <= kernel.
  const float* before(size_t back) const { return &rows_[(kept_ - back) * channels_]; }
  // Appends rows of x, [rows, channels].
  void append(const float* x, size_t rows);

 private:
  size_t kept_;
  size_t channels_;
  Buffer<float> rows_;
};

}  // namespace plumb::candidates::cpu
