// The instructions that multiply pairs of bfloat16 and add them up in float32 (AVX512_BF16).
//
// Highway's version in Debian has no such op, so they are used here directly. A product of such
// operands rounds its activations to bfloat16: cpu_engine.h declares it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "candidates/cpu/products/gemm_kernel.h"

namespace plumb::candidates::cpu {

GemmKernel bf16_kernel();

// To nearest, ties to even.
void to_bf16(const float* x, size_t n, uint16_t* out);

}  // namespace plumb::candidates::cpu
