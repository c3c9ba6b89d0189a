// Working memory of the kernels, sized before a call so that none of them allocates.
#pragma once

#include <cstddef>

#include "candidates/cpu/simd/buffer.h"

namespace plumb::candidates::cpu {

// What an op needs, in floats.
struct ScratchSize {
  size_t per_row = 0;                  // of the memory that all workers share, a row of the call
  size_t per_worker = 0;               // of a worker's own memory
  size_t per_worker_and_position = 0;  // the same, a position that can be attended to
};

// The least size that serves both.
ScratchSize larger(const ScratchSize& a, const ScratchSize& b);

class Scratch {
 public:
  void reserve(const ScratchSize& size, size_t rows, size_t positions, size_t workers);

  float* shared() { return shared_.data(); }
  // Memory for what a call packs anew, grown where a call needs more than any before it.
  float* packed(size_t floats);
  float* of_worker(size_t worker) { return workers_.data() + worker * worker_size_; }

 private:
  Buffer<float> shared_;
  Buffer<float> packed_;
  Buffer<float> workers_;
  size_t worker_size_ = 0;
};

}  // namespace plumb::candidates::cpu
