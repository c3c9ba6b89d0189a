// Q2_K to Q6_K: 256 elements, sub-blocks of 16 or 32 with scales of a few bits under one or two
// f16.
#include "base/gguf/blocks.h"

namespace plumb::base::gguf {
namespace {

constexpr int kElements = 256;

// Element 128 h + 32 r + l is in bits 2r of byte 32 h + l.
int two_bits(const std::byte* raw, int element) {
  const int half = element / 128;
  const int shift = element % 128 / 32 * 2;
  return byte_at(raw, 32 * half + element % 32) >> shift & 3;
}

// The twelve bytes that hold eight scales and eight minima of six bits (Q4_K, Q5_K).
struct ScaleAndMinimum {
  int scale;
  int minimum;
};
ScaleAndMinimum six_bit_pair(const std::byte* raw, int j) {
  if (j < 4) return {byte_at(raw, j) & 63, byte_at(raw, j + 4) & 63};
  return {low_nibble(raw, j + 4) | byte_at(raw, j - 4) >> 6 << 4,
          high_nibble(raw, j + 4) | byte_at(raw, j) >> 6 << 4};
}

// Scale i of the sixteen six-bit ones of Q3_K, before 32 is taken off.
int six_bit_scale(const std::byte* raw, int i) {
  const int low = i < 8 ? low_nibble(raw, i) : high_nibble(raw, i - 8);
  return low | (byte_at(raw, 8 + i % 4) >> 2 * (i / 4) & 3) << 4;
}

// Q4_K and Q5_K: of every 32 bytes the low nibbles are one sub-block, the high ones the next.
template <int bytes, int fifth_bits, int nibbles>
void decode_pairs(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += bytes, out += kElements) {
    const double scale = f16_at(raw, 0);
    const double minimum = f16_at(raw, 2);
    for (int j = 0; j < 8; ++j) {
      const ScaleAndMinimum sub = six_bit_pair(raw + 4, j);
      const double s = scale * sub.scale;
      const double m = minimum * sub.minimum;
      const std::byte* half = raw + nibbles + 32 * (j / 2);
      for (int l = 0; l < 32; ++l) {
        int q = j % 2 == 0 ? low_nibble(half, l) : high_nibble(half, l);
        if (fifth_bits > 0) q |= (byte_at(raw, fifth_bits + l) >> j & 1) << 4;
        out[32 * j + l] = s * q - m;
      }
    }
  }
}

}  // namespace

void decode_q2_k(const std::byte* raw, size_t blocks, double* out) {
  constexpr int kBytes = 84;
  for (size_t b = 0; b < blocks; ++b, raw += kBytes, out += kElements) {
    const double scale = f16_at(raw, 80);
    const double minimum = f16_at(raw, 82);
    for (int i = 0; i < kElements; ++i) {
      const int sub = i / 16;
      out[i] =
          scale * low_nibble(raw, sub) * two_bits(raw + 16, i) - minimum * high_nibble(raw, sub);
    }
  }
}

void decode_q3_k(const std::byte* raw, size_t blocks, double* out) {
  constexpr int kBytes = 110;
  for (size_t b = 0; b < blocks; ++b, raw += kBytes, out += kElements) {
    const double scale = f16_at(raw, 108);
    for (int i = 0; i < kElements; ++i) {
      const int high = byte_at(raw, i % 32) >> i / 32 & 1;  // clear: 4 less
      const int q = two_bits(raw + 32, i) - 4 * (1 - high);
      out[i] = scale * (six_bit_scale(raw + 96, i / 16) - 32) * q;
    }
  }
}

void decode_q4_k(const std::byte* raw, size_t blocks, double* out) {
  decode_pairs<144, 0, 16>(raw, blocks, out);
}

void decode_q5_k(const std::byte* raw, size_t blocks, double* out) {
  decode_pairs<176, 16, 48>(raw, blocks, out);
}

// Element 128 h + 32 r + l: its low four bits are nibble r / 2 of byte 64 h + 32 (r % 2) + l, its
// high two are bits 2r of byte 32 h + l.
void decode_q6_k(const std::byte* raw, size_t blocks, double* out) {
  constexpr int kBytes = 210;
  for (size_t b = 0; b < blocks; ++b, raw += kBytes, out += kElements) {
    const double scale = f16_at(raw, 208);
    for (int i = 0; i < kElements; ++i) {
      const int half = i / 128;
      const int run = i % 128 / 32;
      const int at = 64 * half + 32 * (run % 2) + i % 32;
      const int low = run < 2 ? low_nibble(raw, at) : high_nibble(raw, at);
      const int q = low | two_bits(raw + 128, i) << 4;
      out[i] = scale * signed_at(raw, 192 + i / 16) * (q - 32);
    }
  }
}

}  // namespace plumb::base::gguf
