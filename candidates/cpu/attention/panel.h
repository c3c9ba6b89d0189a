// A panel of queries against one block of keys (attention_blocks.h).
#pragma once

#include <cstddef>

#include "candidates/cpu/products/gemm.h"
#include "candidates/cpu/simd/buffer.h"

namespace plumb::candidates::cpu {

inline constexpr size_t kKeys = 256;  // of a block
inline constexpr size_t kMostPanelRows = kPanelVectors * kAlignment / sizeof(float);
inline constexpr size_t kMostColumns = 8;  // that a kernel sums up at a time

// What goes from block to block of keys, a number a row.
struct Progress {
  float most[kMostPanelRows];    // the largest score so far, unscaled
  double total[kMostPanelRows];  // of exp(z - z of the largest)
  float shrink[kMostPanelRows];  // what the last block's new maxima make of all before it
};

// Scores [count, wide] of one block. Key j is seen by row r where
// ahead + j - window < r + 1 and ahead + j <= r; `is_edge`: not by every row.
struct Block {
  float* scores;
  size_t count;
  size_t wide;
  bool is_edge;
  float ahead;
  float window;
};

}  // namespace plumb::candidates::cpu
