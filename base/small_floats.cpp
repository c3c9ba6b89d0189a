#include "base/small_floats.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/dtype.h"

namespace plumb::base {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Sign, exponent, mantissa; exponent 0 holds the subnormals. Neither infinity nor NaN.
double value_of(unsigned code, int exponent_bits, int mantissa_bits, int bias) {
  const unsigned mantissa = code & ((1U << mantissa_bits) - 1);
  const int exponent = static_cast<int>(code >> mantissa_bits & ((1U << exponent_bits) - 1));
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                    : std::ldexp(mantissa + (1U << mantissa_bits), exponent - bias - mantissa_bits);
  return code >> (exponent_bits + mantissa_bits) & 1 ? -magnitude : magnitude;
}

template <size_t N, class Value>
std::array<double, N> all_codes(Value&& value) {
  std::array<double, N> table;
  for (size_t code = 0; code < N; ++code) table[code] = value(static_cast<uint8_t>(code));
  return table;
}

// The code in [0, most] of the magnitude nearest to `value`; the codes' values rise.
template <size_t N>
uint8_t nearest(double value, uint8_t most, uint8_t sign, const std::array<double, N>& values) {
  const double magnitude = std::abs(value);
  uint8_t below = 0;
  for (uint8_t above = most; above - below > 1;) {
    const auto middle = static_cast<uint8_t>((below + above) / 2);
    (values[middle] <= magnitude ? below : above) = middle;
  }
  const auto above = static_cast<uint8_t>(below + 1);
  const double down = magnitude - values[below];
  const double up = values[above] - magnitude;
  const bool take_above = up < down || (up == down && above % 2 == 0);
  const uint8_t code = take_above ? above : below;
  return static_cast<uint8_t>(std::signbit(value) ? code | sign : code);
}

}  // namespace

double e4m3_value(uint8_t code) {
  return (code & 0x7f) == 0x7f ? kNaN : value_of(code, 4, 3, 7);
}

double e5m2_value(uint8_t code) {
  constexpr uint8_t kInfinity = 0x7c;
  if ((code & 0x7f) > kInfinity) return kNaN;
  if ((code & 0x7f) < kInfinity) return value_of(code, 5, 2, 15);
  const double infinity = std::numeric_limits<double>::infinity();
  return code & 0x80 ? -infinity : infinity;
}

double e8m0_value(uint8_t code) {
  return code == 0xff ? kNaN : std::ldexp(1.0, code - 127);
}

double e2m1_value(uint8_t code) {
  return value_of(code & 0xf, 2, 1, 1);
}

const std::array<double, 256>& e4m3_values() {
  static const auto table = all_codes<256>(e4m3_value);
  return table;
}

const std::array<double, 256>& e5m2_values() {
  static const auto table = all_codes<256>(e5m2_value);
  return table;
}

const std::array<double, 256>& int8_values() {
  static const auto table =
      all_codes<256>([](uint8_t code) -> double { return static_cast<int8_t>(code); });
  return table;
}

const std::array<double, 16>& e2m1_values() {
  static const auto table = all_codes<16>(e2m1_value);
  return table;
}

uint8_t e4m3_from_double(double value) {
  if (std::isnan(value)) return 0x7f;
  return nearest(value, 0x7e, 0x80, e4m3_values());
}

uint8_t e2m1_from_double(double value) {
  return nearest(value, 0x7, 0x8, e2m1_values());
}

uint16_t f16_from_double(double value) {
  const double rounded = round_to(DType::kF16, value);
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::abs(rounded);
  if (std::isnan(value)) return 0x7e00;
  if (std::isinf(magnitude)) return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < 0x1p-14)
    return static_cast<uint16_t>(sign | static_cast<int>(magnitude * 0x1p24));
  const int exponent = std::ilogb(magnitude);
  const auto fraction = static_cast<int>(std::ldexp(magnitude, 10 - exponent)) - 1024;
  return static_cast<uint16_t>(sign | (exponent + 15) << 10 | fraction);
}

}  // namespace plumb::base
