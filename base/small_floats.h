// The floating-point types of 4 and 8 bits of quantised weights and activations, and codes of
// float16. Source: OCP Microscaling Formats 1.0 (e2m1, e8m0); arXiv 2209.05433 (e4m3 and e5m2; here
// e4m3 is "e4m3fn": no infinity, NaN at S.1111.111 alone, largest 448).
#pragma once

#include <array>
#include <cstdint>

namespace plumb::base {

inline constexpr double kLargestE4M3 = 448.0;
inline constexpr double kLargestE2M1 = 6.0;

// The value of a code, exact; NaN where the type says so.
double e4m3_value(uint8_t code);
double e5m2_value(uint8_t code);
double e8m0_value(uint8_t code);  // 2^(code - 127); 255 is NaN
double e2m1_value(uint8_t code);  // of the low four bits

// All codes of e4m3, e5m2, int8 and e2m1, for decoders that look them up.
const std::array<double, 256>& e4m3_values();
const std::array<double, 256>& e5m2_values();
const std::array<double, 256>& int8_values();
const std::array<double, 16>& e2m1_values();

// The nearest value's code, ties to the even code; beyond the largest value: that one. A NaN has no
// code in e2m1 and must not come.
uint8_t e4m3_from_double(double value);
uint8_t e2m1_from_double(double value);
// To nearest, ties to even; overflow gives infinity.
uint16_t f16_from_double(double value);

}  // namespace plumb::base
