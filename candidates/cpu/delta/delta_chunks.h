// The gated delta rule in chunks of tokens (the WY form): what the tokens of a chunk are to one
// another is settled in small triangular tables, so that the state is read and written once a chunk
// by products of matrices instead of once a token.
//
// With S the state before the chunk, d_l the decays and D(j, i) = d_(j+1) ... d_i within it:
//   delta_i = beta_i (v_i - D(., i) S^T k_i) - sum_{j<i} beta_i D(j, i) (k_i . k_j) delta_j
//   y_i     = D(., i) S^T q_i + sum_{j<=i} D(j, i) (q_i . k_j) delta_j
//   S'      = D(., end) S + sum_j D(j, end) k_j delta_j^T
// (Yang et al., Gated Delta Networks, arXiv:2412.06464, section 3.3.) Products of decays are made
// by multiplying, never as quotients: a decay may be zero.
#pragma once

#include <cstddef>

#include "candidates/cpu/delta/delta_head.h"

namespace plumb::candidates::cpu {

inline constexpr size_t kChunk = 16;  // tokens; 8 and 32 were slower (plumb_bench, delta_rule)

// Floats of a chunk's tables for one head, and of a worker's scratch memory.
inline constexpr size_t kChunkTable = 2 * kChunk * (kChunk + 1);
size_t chunk_scratch(size_t key_dim);

inline size_t chunks_of(size_t tokens) {
  return (tokens + kChunk - 1) / kChunk;
}

// Fills the table of the chunk that begins at token `first`.
void tabulate_chunk(const DeltaHead& head, size_t first, float* table);

// Runs all tokens for some columns from `column` on; `tables` of all chunks, one after another.
void run_chunks(const DeltaHead& head, size_t column, const float* tables, float* scratch);

}  // namespace plumb::candidates::cpu
