// The four storage types of weights and traces, and exact conversions between them and float64.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace plumb::base {

enum class DType : uint8_t { kF64, kF32, kBF16, kF16 };

size_t size_of(DType dtype);

// "float64", "float32", "bfloat16", "float16": as PyTorch, configs and traces write them.
std::string_view torch_name(DType dtype);
std::optional<DType> dtype_from_torch_name(std::string_view name);

// "F64", "F32", "BF16", "F16": as safetensors writes them.
std::string_view safetensors_name(DType dtype);
std::optional<DType> dtype_from_safetensors_name(std::string_view name);

// Unit roundoff u: half the distance from 1 to the next larger number (2^-24 for float32).
double unit_roundoff(DType dtype);

inline float bf16_to_float(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}
// Round to nearest, ties to even; a NaN stays a (quiet) NaN.
uint16_t bf16_from_double(double value);
double f16_to_double(uint16_t bits);

// The value of `dtype` nearest to x, ties to even; overflow gives infinity, subnormals are kept.
double round_to(DType dtype, double x);
void round_to(DType dtype, std::span<double> values);

// Widens `out.size()` elements of `dtype` starting at `raw` (unaligned) exactly.
void widen(DType dtype, const std::byte* raw, std::span<double> out);
// The same into float32: exact for all but F64, which is rounded to nearest.
void to_float(DType dtype, const std::byte* raw, std::span<float> out);

// True when no element is NaN or infinite.
bool all_finite(DType dtype, const std::byte* raw, size_t count);

}  // namespace plumb::base
