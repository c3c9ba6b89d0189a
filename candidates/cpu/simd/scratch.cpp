#include "candidates/cpu/simd/scratch.h"

#include <algorithm>

namespace plumb::candidates::cpu {

ScratchSize larger(const ScratchSize& a, const ScratchSize& b) {
  return {std::max(a.per_row, b.per_row), std::max(a.per_worker, b.per_worker),
          std::max(a.per_worker_and_position, b.per_worker_and_position)};
}

void Scratch::reserve(const ScratchSize& size, size_t rows, size_t positions, size_t workers) {
  if (size.per_row * rows > shared_.size()) shared_.resize(size.per_row * rows);
  const size_t needed = size.per_worker + size.per_worker_and_position * positions;
  if (needed <= worker_size_) return;
  // Half as much again: decoding asks for one position more each time.
  worker_size_ = padded(needed + needed / 2);
  workers_.resize(worker_size_ * workers);
}

float* Scratch::packed(size_t floats) {
  if (floats > packed_.size()) packed_.resize(floats);
  return packed_.data();
}

}  // namespace plumb::candidates::cpu
