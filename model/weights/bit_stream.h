// Integers of 1 to 8 bits packed into little-endian words of 32 bits, the lowest bits first and
// over the ends of words: what GPTQ, compressed-tensors and MLX write, each along an axis of its
// own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace plumb::model {

class BitStream {
 public:
  // `stride`: words from one of the stream to its next.
  BitStream(const std::byte* words, int bits, int64_t stride = 1)
      : words_(words), bits_(bits), stride_(stride), mask_((1U << bits) - 1) {}

  uint32_t operator[](int64_t index) const {
    const int64_t bit = index * bits_;
    const int64_t word = bit / 32;
    const int shift = static_cast<int>(bit % 32);
    uint64_t value = load(word);
    if (shift + bits_ > 32) value |= static_cast<uint64_t>(load(word + 1)) << 32;
    return static_cast<uint32_t>(value >> shift) & mask_;
  }

 private:
  uint32_t load(int64_t word) const {
    uint32_t value;
    std::memcpy(&value, words_ + word * stride_ * 4, sizeof(value));
    return value;
  }

  const std::byte* words_;
  int bits_;
  int64_t stride_;
  uint32_t mask_;
};

}  // namespace plumb::model
