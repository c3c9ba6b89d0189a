// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0. Byte j of the nibbles holds element j (low) and j + 16 (high).
#include "base/gguf/blocks.h"

namespace plumb::base::gguf {
namespace {

constexpr int kElements = 32;
constexpr int kHalf = kElements / 2;

// Four bits of each element, and in five-bit types bit j of `fifth` for element j.
int code(const std::byte* nibbles, uint32_t fifth, int j) {
  const int low = j < kHalf ? low_nibble(nibbles, j) : high_nibble(nibbles, j - kHalf);
  return low | static_cast<int>(fifth >> j & 1) << 4;
}

// scale * (code - offset) + minimum
struct Layout {
  int bytes;
  bool minimum;    // an f16 after the scale
  bool fifth_bit;  // 32 bits before the nibbles
  int offset;
};

template <Layout layout>
void decode(const std::byte* raw, size_t blocks, double* out) {
  constexpr int kFifth = layout.minimum ? 4 : 2;
  constexpr int kNibbles = kFifth + (layout.fifth_bit ? 4 : 0);
  for (size_t b = 0; b < blocks; ++b, raw += layout.bytes, out += kElements) {
    const double scale = f16_at(raw, 0);
    const double minimum = layout.minimum ? f16_at(raw, 2) : 0.0;
    const uint32_t fifth = layout.fifth_bit ? u32_at(raw, kFifth) : 0;
    for (int j = 0; j < kElements; ++j) {
      out[j] = scale * (code(raw + kNibbles, fifth, j) - layout.offset) + minimum;
    }
  }
}

}  // namespace

void decode_q4_0(const std::byte* raw, size_t blocks, double* out) {
  decode<Layout{.bytes = 18, .minimum = false, .fifth_bit = false, .offset = 8}>(raw, blocks, out);
}

void decode_q4_1(const std::byte* raw, size_t blocks, double* out) {
  decode<Layout{.bytes = 20, .minimum = true, .fifth_bit = false, .offset = 0}>(raw, blocks, out);
}

void decode_q5_0(const std::byte* raw, size_t blocks, double* out) {
  decode<Layout{.bytes = 22, .minimum = false, .fifth_bit = true, .offset = 16}>(raw, blocks, out);
}

void decode_q5_1(const std::byte* raw, size_t blocks, double* out) {
  decode<Layout{.bytes = 24, .minimum = true, .fifth_bit = true, .offset = 0}>(raw, blocks, out);
}

void decode_q8_0(const std::byte* raw, size_t blocks, double* out) {
  constexpr int kBytes = 34;
  for (size_t b = 0; b < blocks; ++b, raw += kBytes, out += kElements) {
    const double scale = f16_at(raw, 0);
    for (int j = 0; j < kElements; ++j) out[j] = scale * signed_at(raw, 2 + j);
  }
}

}  // namespace plumb::base::gguf
