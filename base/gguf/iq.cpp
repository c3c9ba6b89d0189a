// IQ1_*, IQ2_*, IQ3_*: indices into grids, with signs beside them.
#include <bit>

#include "base/gguf/blocks.h"
#include "base/gguf/grids.h"

namespace plumb::base::gguf {
namespace {

// Seven stored bits stand for eight signs, of which an even number is negative.
uint32_t eight_signs(uint32_t seven) {
  return seven | static_cast<uint32_t>(std::popcount(seven) & 1) << 7;
}

// Bit k of `signs` makes element k negative.
void decode_point(const Grid& grid, uint32_t index, uint32_t signs, double scale, double* out) {
  for (int k = 0; k < grid.width; ++k) {
    const double value = scale * grid.at(index, k);
    out[k] = (signs >> k & 1) != 0 ? -value : value;
  }
}

// The f16 whose four nibbles are the top ones of four words.
double scattered_f16(const std::byte* words) {
  uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) bits |= (u16_at(words, 2 * i) >> 12) << 4 * i;
  return f16_to_double(static_cast<uint16_t>(bits));
}

constexpr double kDelta = 0.125;

void decode_shifted_point(uint32_t index, bool negative, double scale, double* out) {
  const double delta = negative ? -kDelta : kDelta;
  for (int k = 0; k < 8; ++k) out[k] = scale * (kIq1.at(index, k) + delta);
}

}  // namespace

void decode_iq2_xxs(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 66, out += 256) {
    for (int i = 0; i < 8; ++i) {
      const std::byte* sub = raw + 2 + 8 * i;
      const uint32_t signs = u32_at(sub, 4);
      const double scale = f16_at(raw, 0) * (0.5 + (signs >> 28)) * 0.25;
      for (int k = 0; k < 4; ++k) {
        decode_point(kIq2Xxs, byte_at(sub, k), eight_signs(signs >> 7 * k & 127), scale,
                     out + 32 * i + 8 * k);
      }
    }
  }
}

void decode_iq2_xs(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 74, out += 256) {
    for (int k = 0; k < 32; ++k) {
      const uint32_t word = u16_at(raw, 2 + 2 * k);
      const int sub = byte_at(raw, 66 + k / 4) >> 4 * (k / 2 % 2) & 15;
      decode_point(kIq2Xs, word & 511, eight_signs(word >> 9), f16_at(raw, 0) * (0.5 + sub) * 0.25,
                   out + 8 * k);
    }
  }
}

void decode_iq2_s(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 82, out += 256) {
    for (int k = 0; k < 32; ++k) {
      const int high = byte_at(raw, 66 + k / 4) >> 2 * (k % 4) & 3;
      const int sub = byte_at(raw, 74 + k / 4) >> 4 * (k / 2 % 2) & 15;
      decode_point(kIq2S, static_cast<uint32_t>(byte_at(raw, 2 + k) | high << 8),
                   static_cast<uint32_t>(byte_at(raw, 34 + k)), f16_at(raw, 0) * (0.5 + sub) * 0.25,
                   out + 8 * k);
    }
  }
}

void decode_iq3_xxs(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 98, out += 256) {
    for (int i = 0; i < 8; ++i) {
      const uint32_t word = u32_at(raw, 66 + 4 * i);
      const double scale = f16_at(raw, 0) * (0.5 + (word >> 28)) * 0.5;
      for (int k = 0; k < 8; ++k) {
        const uint32_t signs = eight_signs(word >> 7 * (k / 2) & 127) >> 4 * (k % 2);
        decode_point(kIq3Xxs, byte_at(raw, 2 + 8 * i + k), signs, scale, out + 32 * i + 4 * k);
      }
    }
  }
}

void decode_iq3_s(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 110, out += 256) {
    for (int k = 0; k < 64; ++k) {
      const int high = byte_at(raw, 66 + k / 8) >> k % 8 & 1;
      const uint32_t signs = static_cast<uint32_t>(byte_at(raw, 74 + k / 2)) >> 4 * (k % 2);
      const int sub = byte_at(raw, 106 + k / 16) >> 4 * (k / 8 % 2) & 15;
      decode_point(kIq3S, static_cast<uint32_t>(byte_at(raw, 2 + k) | high << 8), signs,
                   f16_at(raw, 0) * (1 + 2 * sub), out + 4 * k);
    }
  }
}

void decode_iq1_s(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 50, out += 256) {
    for (int k = 0; k < 32; ++k) {
      const uint32_t word = u16_at(raw, 34 + 2 * (k / 4));
      const double scale = f16_at(raw, 0) * (2 * (word >> 12 & 7) + 1);
      const uint32_t index = byte_at(raw, 2 + k) | (word >> 3 * (k % 4) & 7) << 8;
      decode_shifted_point(index, word >> 15 != 0, scale, out + 8 * k);
    }
  }
}

void decode_iq1_m(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 56, out += 256) {
    const double d = scattered_f16(raw + 48);
    for (int k = 0; k < 32; ++k) {
      const int high = byte_at(raw, 32 + k / 2) >> 4 * (k % 2) & 15;
      const int sixteen = k / 2;
      const uint32_t sub = u16_at(raw, 48 + 2 * (sixteen / 4)) >> 3 * (sixteen % 4) & 7;
      const uint32_t index = static_cast<uint32_t>(byte_at(raw, k) | (high & 7) << 8);
      decode_shifted_point(index, (high & 8) != 0, d * (2 * sub + 1), out + 8 * k);
    }
  }
}

}  // namespace plumb::base::gguf
