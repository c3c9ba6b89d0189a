// The instructions that multiply pairs of bfloat16 and add them up in float32 (AVX512_BF16).
//
// Highway's version in Debian has no such op, so they are used here directly. A product of such
// operands rounds its activations to bfloat16: cpu_engine.h declares it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "candidates/cpu/gemm.h"

namespace plumb::candidates::cpu {

inline constexpr std::string_view kBf16Target = "AVX3_BF16";

// Of this machine. Whether they are used: multiplies_bf16() in targets.h.
bool has_bf16_instructions();

GemmKernel bf16_kernel();

// To nearest, ties to even.
void to_bf16(const float* x, size_t n, uint16_t* out);

}  // namespace plumb::candidates::cpu
