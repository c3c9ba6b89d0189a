// The state of one gated delta rule for one sequence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "candidates/cpu/simd/buffer.h"

namespace plumb::candidates::cpu {

// float32 [value heads, key_dim, value_dim]: what the value heads have stored under their keys;
// zeros at the start. A copy is a snapshot.
class RecurrentState {
 public:
  RecurrentState(size_t heads, size_t key_dim, size_t value_dim)
      : head_size_(key_dim * value_dim), values_(heads * head_size_) {
    clear();
  }

  void clear() { std::fill(values_.begin(), values_.end(), 0.0f); }
  void reserve(size_t) {}
  std::span<const float> values() const { return {values_.data(), values_.size()}; }
  float* head(size_t h) { return &values_[h * head_size_]; }

 private:
  size_t head_size_;
  Buffer<float> values_;
};

}  // namespace plumb::candidates::cpu
