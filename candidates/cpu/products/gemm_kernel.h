// What sums up a tile of a product: gemm.h in float32, gemm_bf16.h in bfloat16.
//
// A kernel's elements have 32 bits: float32, or pairs of bfloat16 for the instructions that
// multiply and add two of those at once.
#pragma once

#include <cstddef>
#include <string_view>

namespace plumb::candidates::cpu {

inline constexpr size_t kPanelVectors = 3;  // of rows, side by side in a panel of x

struct GemmKernel {
  size_t lanes;      // rows of x in a vector
  size_t columns;    // of y that a call of `run` sums up
  bool takes_pairs;  // of bfloat16; else float32
  std::string_view target;
  // c[j, r] (+)= sum_k x[k, r] w[j, k] for `vectors` vectors of r: x is [depth, vectors * lanes].
  void (*run)(const float* x, size_t vectors, const float* w, size_t w_stride, size_t depth,
              float* c, size_t c_stride, bool first);
  // The same with w[k, j], a row a number of the depth; null where the kernel takes pairs.
  void (*run_by_depth)(const float* x, size_t vectors, const float* w, size_t w_stride,
                       size_t depth, float* c, size_t c_stride, bool first);
};

}  // namespace plumb::candidates::cpu
