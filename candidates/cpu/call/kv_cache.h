// The keys and values of one attention op for one sequence.
#pragma once

#include <array>
#include <cstddef>

#include "candidates/cpu/simd/buffer.h"

namespace plumb::candidates::cpu {

// float32, laid out [kv heads, slots, dim], keys after their rotation; keys and values may differ
// in their dim. The slots grow by doubling. Without a window every position is kept; with one the
// slots become a ring of `window`, and the p-th position stands in slot p % window. A copy is a
// snapshot.
class KvCache {
 public:
  KvCache(size_t heads, size_t key_dim, size_t value_dim, size_t window);

  // Positions that can be read.
  size_t size() const { return window_ > 0 && seen_ > window_ ? window_ : seen_; }
  // Positions ever appended.
  size_t seen() const { return seen_; }

  void clear() { seen_ = 0; }
  // Makes room for this many positions without another allocation.
  void reserve(size_t positions);
  // Appends rows of k [rows, kv heads * key_dim] and v [rows, kv heads * value_dim].
  void append(const float* k, const float* v, size_t rows);

  // Consecutive positions of one head.
  struct Stretch {
    const float* k = nullptr;
    const float* v = nullptr;
    size_t count = 0;
  };
  // All that is kept of `head`, oldest first; a ring that has wrapped has two stretches.
  std::array<Stretch, 2> stretches(size_t head) const;

 private:
  Stretch stretch(size_t head, size_t slot, size_t count) const;

  size_t heads_;
  size_t key_dim_;
  size_t value_dim_;
  size_t window_;
  size_t slots_ = 0;
  size_t seen_ = 0;
  Buffer<float> k_;
  Buffer<float> v_;
};

}  // namespace plumb::candidates::cpu
