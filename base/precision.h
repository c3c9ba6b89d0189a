// The number formats that arithmetic rounds to: the storage types, and those that values pass
// through on their way into a product or a cache.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/dtype.h"

namespace plumb::base {

enum class Precision : uint8_t {
  kF64,
  kF32,
  kTF32,  // float32 with 10 bits of fraction: tensor cores' operands
  kBF16,
  kF16,
  kE4M3,  // float8_e4m3fn, saturating
  kE5M2,  // float8_e5m2, saturating
};

constexpr Precision precision_of(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return Precision::kF64;
    case DType::kF32:
      return Precision::kF32;
    case DType::kBF16:
      return Precision::kBF16;
    case DType::kF16:
      return Precision::kF16;
  }
  return Precision::kF64;
}

// "float64", "float32", "tf32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2".
std::string_view precision_name(Precision precision);
std::optional<Precision> precision_from_name(std::string_view name);
std::string_view precision_names();  // all of them, for messages

// Half the distance from 1 to the next larger number.
double unit_roundoff(Precision precision);
// The distance between the numbers nearest to 0.
double least_spacing(Precision precision);

// The nearest value, ties to even. Beyond the largest: infinity, but for the formats of 8 bits,
// which keep to their largest.
double round_to(Precision precision, double x);
void round_to(Precision precision, std::span<double> values);

}  // namespace plumb::base
