// TQ1_0, TQ2_0, Q1_0, Q2_0.
#include "base/gguf/blocks.h"

namespace plumb::base::gguf {
namespace {

// Digit n of a byte that holds five ternary digits as the fraction byte / 256 in base 3.
int ternary_digit(int byte, int n) {
  constexpr int kPowers[] = {1, 3, 9, 27, 81};
  return (byte * kPowers[n] & 255) * 3 >> 8;
}

// `digits` runs of `bytes` elements: the first digit of each byte, then the second, ...
double* decode_digits(const std::byte* raw, int bytes, int digits, double scale, double* out) {
  for (int n = 0; n < digits; ++n) {
    for (int i = 0; i < bytes; ++i) *out++ = scale * (ternary_digit(byte_at(raw, i), n) - 1);
  }
  return out;
}

}  // namespace

void decode_tq1_0(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 54) {
    const double scale = f16_at(raw, 52);
    out = decode_digits(raw, 32, 5, scale, out);
    out = decode_digits(raw + 32, 16, 5, scale, out);
    out = decode_digits(raw + 48, 4, 4, scale, out);
  }
}

void decode_tq2_0(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 66, out += 256) {
    const double scale = f16_at(raw, 64);
    for (int i = 0; i < 256; ++i) {
      const int shift = i % 128 / 32 * 2;
      out[i] = scale * ((byte_at(raw, 32 * (i / 128) + i % 32) >> shift & 3) - 1);
    }
  }
}

void decode_q1_0(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 18, out += 128) {
    const double scale = f16_at(raw, 0);
    for (int i = 0; i < 128; ++i) {
      out[i] = (byte_at(raw, 2 + i / 8) >> i % 8 & 1) != 0 ? scale : -scale;
    }
  }
}

void decode_q2_0(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 18, out += 64) {
    const double scale = f16_at(raw, 0);
    for (int i = 0; i < 64; ++i) {
      out[i] = scale * ((byte_at(raw, 2 + i / 4) >> 2 * (i % 4) & 3) - 1);
    }
  }
}

}  // namespace plumb::base::gguf
