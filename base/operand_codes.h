// How the operand of a product is rounded to codes of 4 or 8 bits that share a scale along a row.
//
// a: the largest magnitude among the values that share a scale. RN_T rounds to type T.
//   ggml Q8_0, Q8_1  blocks of 32: code RN(x RN32(127 / a)), scale f16(a / 127). Portable code:
//                    halves away from zero, of x RN32(1 / RN32(a / 127)). Q8_1 besides carries
//                    f16(RN32(a / 127) * sum of codes), which multiplies the weights' minima.
//   ggml Q8_K        blocks of 256: v the value of the largest magnitude, i = RN32(-127 / v), code
//                    min(127, RN(x i)), scale RN32(1 / i)
//   torch            in the working type: scale a / 127.5, a / 448 or a / 6; code RN(x / scale),
//                    saturating; value RN(code * scale)
//   served           float32 kernels: int8 a / 127, code RN(x RN32(127 / a)); e4m3 a row
//                    max(a / 448, 1 / (448 * 512)), code e4m3(x RN32(1 / scale)); e4m3 a group
//                    max(a, 1e-10) / 448, perhaps as the next power of two, code e4m3(x / scale)
//   e2m1             groups of 16: s = e4m3(D a / 6), code e2m1(x / (s / D)), scale s / D
// Scales that stand in the file are taken as they are.
// Source: ggml 0.25 (ggml-cpu/arch/x86/quants.c, ggml-quants.c: quantize_row_*); compressed-tensors
// 0.20 (quantization/utils/helpers.py, lifecycle/forward_helpers.py); vLLM 0.32
// (csrc/quantization).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/dtype.h"
#include "base/function_ref.h"

namespace plumb::base {

struct OperandCodes {
  enum class Recipe : uint8_t { kQ8_0, kQ8_1, kQ8_K, kTorch, kServed };
  enum class Code : uint8_t { kInt8, kE4M3, kE2M1 };

  Recipe recipe = Recipe::kTorch;
  Code code = Code::kInt8;
  size_t group = 0;            // values of a row that share a scale; 0: the whole row
  bool whole_call = false;     // all rows of a call share one
  bool powers_of_two = false;  // scales are
  bool symmetric = true;
  double scale = 0.0;   // of the file; 0: from the values
  double zero = 0.0;    // beside it
  double global = 0.0;  // D of e2m1
  DType working = DType::kF32;

  bool operator==(const OperandCodes&) const = default;
};

// Those that meet a weight of this type of ggml's; none where the operand is not rounded in blocks.
std::optional<OperandCodes> ggml_operand(std::string_view type);

// How the values of one row fall.
struct CodeRounding {
  bool portable = false;  // ggml's portable code rather than that of x86
  bool dithered = false;  // up or down with probabilities that make the error zero in the mean
  uint64_t key = 0;       // of the random numbers; by column
};

// Rounds rows of `columns` values, which share scales as `codes` has it. A group must divide a row.
void round_to_codes(const OperandCodes& codes, std::span<double> values, size_t columns,
                    FunctionRef<CodeRounding(size_t row)> rounding);

}  // namespace plumb::base
