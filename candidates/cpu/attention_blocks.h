// Softmax attention of many rows: panels of queries against blocks of keys, on one core.
//
// A panel's scores stand as [keys, rows], so that everything a softmax does to a row happens in a
// lane of its own. Its maximum, its sum and what it has mixed so far go from block to block of keys
// ("online softmax": Milakov & Gimelshein, arXiv:1805.02867): memory does not grow with the
// positions, and blocks that no row of the panel sees are not touched.
#pragma once

#include <cstddef>

#include "candidates/cpu/buffer.h"
#include "candidates/cpu/gemm.h"
#include "candidates/cpu/head_view.h"

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

// Rows [first, first + panel_rows(kernel)) of the head, or what there is of them: `rows` in all.
// `scratch`: attention_scratch() floats.
void attend_panel(const GemmKernel& kernel, const HeadView& view, size_t first, size_t rows,
                  float* scratch);

size_t attention_scratch(size_t key_dim, size_t value_dim);

}  // namespace plumb::candidates::cpu
