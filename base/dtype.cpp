#include "base/dtype.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/errors.h"
#include "base/vectorised.h"

namespace plumb::base {
namespace {

struct Row {
  DType dtype;
  size_t size;
  std::string_view torch;
  std::string_view safetensors;
  double unit_roundoff;
};

constexpr std::array<Row, 4> kRows = {{
    {DType::kF64, 8, "float64", "F64", 0x1p-53},
    {DType::kF32, 4, "float32", "F32", 0x1p-24},
    {DType::kBF16, 2, "bfloat16", "BF16", 0x1p-8},
    {DType::kF16, 2, "float16", "F16", 0x1p-11},
}};

const Row& row(DType dtype) {
  return kRows[static_cast<size_t>(dtype)];
}

// Rounds |x| < 2^exponent_limit to a grid whose spacing is `ulp_bits` below the leading bit, and
// never finer than `smallest`, the spacing of the subnormals.
double round_to_grid(double x, int significand_bits, double smallest, double overflow) {
  if (!std::isfinite(x) || x == 0.0) return x;
  const int exponent = std::ilogb(x);
  const double spacing = std::max(std::ldexp(1.0, exponent - significand_bits + 1), smallest);
  const double rounded = std::nearbyint(x / spacing) * spacing;
  if (std::abs(rounded) >= overflow) {
    return std::copysign(std::numeric_limits<double>::infinity(), x);
  }
  return rounded;
}

// Adds half a unit of the last kept bit (ties to even) to the bit pattern of a normal double.
double round_significand(double x, int kept_explicit_bits) {
  const int dropped = 52 - kept_explicit_bits;
  uint64_t bits = std::bit_cast<uint64_t>(x);
  bits += ((uint64_t{1} << (dropped - 1)) - 1) + ((bits >> dropped) & 1);
  bits &= ~((uint64_t{1} << dropped) - 1);
  return std::bit_cast<double>(bits);
}

// A 16-bit format: explicit significand bits, the magnitudes that round as normal numbers for
// sure, and the ends of the format.
struct ShortFormat {
  int significand_bits;
  double least_normal;
  double most_normal;
  double least_subnormal;
  double overflow;

  bool is_plain(double x) const {
    const double magnitude = std::abs(x);
    return ((magnitude >= least_normal) & (magnitude < most_normal)) | (magnitude == 0.0);
  }
  double round(double x) const {
    return is_plain(x) ? round_significand(x, significand_bits)
                       : round_to_grid(x, significand_bits + 1, least_subnormal, overflow);
  }
};

constexpr ShortFormat kBFloat16 = {7, 0x1p-126, 0x1p127, 0x1p-133, 0x1p128};
constexpr ShortFormat kFloat16 = {10, 0x1p-14, 0x1p15, 0x1p-24, 0x1p16};

// Blocks of plain numbers take a loop without branches, which the compiler makes SIMD of.
PLUMB_VECTORISED
void round_all(const ShortFormat& format, std::span<double> values) {
  constexpr size_t kBlock = 32;
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const auto block = values.subspan(begin, std::min(kBlock, values.size() - begin));
    bool plain = true;
    for (const double x : block) plain &= format.is_plain(x);
    if (plain) {
      for (double& x : block) x = round_significand(x, format.significand_bits);
    } else {
      for (double& x : block) x = format.round(x);
    }
  }
}

PLUMB_VECTORISED
void round_all_to_float(std::span<double> values) {
  for (double& x : values) x = static_cast<double>(static_cast<float>(x));
}

template <typename T>
T load(const std::byte* raw, size_t index) {
  T value;
  std::memcpy(&value, raw + index * sizeof(T), sizeof(T));
  return value;
}

template <typename Out>
void convert(DType dtype, const std::byte* raw, std::span<Out> out) {
  const size_t n = out.size();
  switch (dtype) {
    case DType::kF64:
      for (size_t i = 0; i < n; ++i) out[i] = static_cast<Out>(load<double>(raw, i));
      return;
    case DType::kF32:
      for (size_t i = 0; i < n; ++i) out[i] = static_cast<Out>(load<float>(raw, i));
      return;
    case DType::kBF16:
      for (size_t i = 0; i < n; ++i) {
        out[i] = static_cast<Out>(bf16_to_float(load<uint16_t>(raw, i)));
      }
      return;
    case DType::kF16:
      for (size_t i = 0; i < n; ++i) {
        out[i] = static_cast<Out>(f16_to_double(load<uint16_t>(raw, i)));
      }
      return;
  }
}

// A value is finite when its exponent field is not all ones.
template <typename Bits>
bool exponents_below(const std::byte* raw, size_t count, Bits exponent_mask) {
  bool finite = true;
  for (size_t i = 0; i < count; ++i) {
    finite &= (load<Bits>(raw, i) & exponent_mask) != exponent_mask;
  }
  return finite;
}

}  // namespace

size_t size_of(DType dtype) {
  return row(dtype).size;
}
std::string_view torch_name(DType dtype) {
  return row(dtype).torch;
}
std::string_view safetensors_name(DType dtype) {
  return row(dtype).safetensors;
}
double unit_roundoff(DType dtype) {
  return row(dtype).unit_roundoff;
}

std::optional<DType> dtype_from_torch_name(std::string_view name) {
  for (const Row& r : kRows) {
    if (r.torch == name) return r.dtype;
  }
  return std::nullopt;
}

std::optional<DType> dtype_from_safetensors_name(std::string_view name) {
  for (const Row& r : kRows) {
    if (r.safetensors == name) return r.dtype;
  }
  return std::nullopt;
}

uint16_t bf16_from_double(double value) {
  const float rounded = static_cast<float>(kBFloat16.round(value));
  const auto bits = std::bit_cast<uint32_t>(rounded);
  return static_cast<uint16_t>((bits >> 16) | (std::isnan(value) ? 0x40 : 0));
}

double f16_to_double(uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const double fraction = bits & 0x3ff;
  double magnitude;
  if (exponent == 0x1f) {
    magnitude = fraction == 0 ? std::numeric_limits<double>::infinity()
                              : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = fraction * 0x1p-24;
  } else {
    magnitude = std::ldexp(1024.0 + fraction, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

double round_to(DType dtype, double x) {
  switch (dtype) {
    case DType::kF64:
      return x;
    case DType::kF32:
      return static_cast<double>(static_cast<float>(x));
    case DType::kBF16:
      return kBFloat16.round(x);
    case DType::kF16:
      return kFloat16.round(x);
  }
  throw InternalError("round_to: a dtype of the table");
}

void round_to(DType dtype, std::span<double> values) {
  switch (dtype) {
    case DType::kF64:
      return;
    case DType::kF32:
      return round_all_to_float(values);
    case DType::kBF16:
      return round_all(kBFloat16, values);
    case DType::kF16:
      return round_all(kFloat16, values);
  }
}

void widen(DType dtype, const std::byte* raw, std::span<double> out) {
  convert(dtype, raw, out);
}
void to_float(DType dtype, const std::byte* raw, std::span<float> out) {
  convert(dtype, raw, out);
}

bool all_finite(DType dtype, const std::byte* raw, size_t count) {
  switch (dtype) {
    case DType::kF64:
      return exponents_below<uint64_t>(raw, count, 0x7ff0000000000000);
    case DType::kF32:
      return exponents_below<uint32_t>(raw, count, 0x7f800000);
    case DType::kBF16:
      return exponents_below<uint16_t>(raw, count, 0x7f80);
    case DType::kF16:
      return exponents_below<uint16_t>(raw, count, 0x7c00);
  }
  return false;
}

}  // namespace plumb::base
