// Cosines and sines of a call, made once for all ops that rotate alike.
#pragma once

#include <span>
#include <vector>

#include "base/parallel.h"
#include "candidates/cpu/call/sequence.h"
#include "candidates/cpu/simd/buffer.h"
#include "model/spec.h"

namespace plumb::candidates::cpu {

// Angles are computed in float64; their functions, times the attention factor, are rounded once to
// float32.
//
// A "dynamic" rope and a "longrope" derive their frequencies from the sequence's length. Here that
// is the length up to the end of the call: the whole prompt's for a prompt in one call, the current
// one for a token that is decoded. Keys in the cache keep the rotation of the call that made them,
// as they do in transformers with a cache (modeling_rope_utils.py, dynamic_rope_update). So a
// prompt in pieces that goes beyond the original context is another computation than the prompt at
// once.
class RopeTables {
 public:
  // cos and sin of a row, rotary_dim / 2 each, times the attention factor.
  struct Table {
    const float* cos(size_t row) const { return &values[row * 2 * half]; }
    const float* sin(size_t row) const { return &values[row * 2 * half + half]; }

    model::RopeSpec rope;
    size_t half = 0;
    std::vector<double> frequencies;
    bool valid = false;  // made for the current call
    Buffer<float> values;
  };

  // Forgets the tables of the last call, keeping their memory.
  void begin(std::span<const Sequence> sequences);
  const Table& get(const model::RopeSpec& rope, const base::Threads& threads);

 private:
  void fill(Table& table, const base::Threads& threads) const;

  std::span<const Sequence> sequences_;
  std::vector<Table> tables_;  // few: a model has one or two kinds of rope
};

}  // namespace plumb::candidates::cpu
