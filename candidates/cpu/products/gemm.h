// Matrix products of many rows, y = x W^T, on one core: what product.cpp shares out.
//
// The rows of x are packed once, into panels of a few vectors of rows, depth by depth; a weight is
// read where it lies and meets a whole panel as a broadcast number, so that no weight is ever
// rearranged. A tile of y is summed up block of depth by block of depth in scratch memory, its
// columns apart, and transposed at the end. Sums are float32, in the order of the depth whatever
// the target.
#pragma once

#include <cstddef>
#include <cstdint>

#include "candidates/cpu/products/gemm_kernel.h"
#include "candidates/cpu/products/weight.h"

namespace plumb::candidates::cpu {

inline constexpr size_t kGemmRows = 528;    // of a tile: whole panels at any target
inline constexpr size_t kGemmColumns = 64;  // of a tile

GemmKernel f32_gemm_kernel();

// For products in float32, or in bfloat16 where the machine can: one that takes pairs then.
GemmKernel gemm_kernel(bool in_bf16, size_t depth);

// The least number of rows that fills vectors.
inline size_t whole_vectors(const GemmKernel& kernel, size_t rows) {
  return (rows + kernel.lanes - 1) / kernel.lanes * kernel.lanes;
}

// Rows of a panel.
inline size_t panel_rows(const GemmKernel& kernel) {
  return kPanelVectors * kernel.lanes;
}

// Elements of a row of x or W.
inline size_t elements(const GemmKernel& kernel, size_t depth) {
  return kernel.takes_pairs ? depth / 2 : depth;
}

// to[j, i] = from[i, j], i < rows, j < columns
void transpose(const float* from, size_t from_stride, size_t rows, size_t columns, float* to,
               size_t to_stride);

// Packs rows [first, first + panel_rows()) of x [rows, depth], or what there is of them, to where
// they belong in `packed`, whole_vectors(rows) * elements() floats in all. `scratch`:
// gemm_scratch() floats.
void pack_panel(const GemmKernel& kernel, const float* x, size_t rows, size_t depth, size_t first,
                float* packed, float* scratch);

// y[t, j] = x W^T + bias for rows [first_row, + rows) of x, at most kGemmRows, a multiple of
// panel_rows() from its start, and `columns` rows of W from `first_column` on, at most
// kGemmColumns. `all_rows` is how many rows are packed. y and bias point at the tile's first
// elements.
struct GemmTile {
  const float* packed;
  size_t all_rows;
  size_t first_row;
  size_t rows;
  const Weight* weight;
  size_t first_column;
  size_t columns;
  const float* bias;  // null: none
  float* y;
  size_t y_stride;
};
void run_gemm_tile(const GemmKernel& kernel, const GemmTile& tile, float* scratch);

// Floats of scratch memory that both need.
size_t gemm_scratch(size_t depth);

}  // namespace plumb::candidates::cpu
