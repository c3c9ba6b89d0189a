// Decoders of ggml's block types, one file a kind; types.h has the table of all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/dtype.h"

namespace plumb::base::gguf {

inline int byte_at(const std::byte* raw, int i) {
  return std::to_integer<int>(raw[i]);
}
inline int low_nibble(const std::byte* raw, int i) {
  return byte_at(raw, i) & 15;
}
inline int high_nibble(const std::byte* raw, int i) {
  return byte_at(raw, i) >> 4;
}
inline int8_t signed_at(const std::byte* raw, int i) {
  return std::bit_cast<int8_t>(raw[i]);
}
inline uint32_t u16_at(const std::byte* raw, int at) {
  uint16_t bits = 0;
  std::memcpy(&bits, raw + at, sizeof(bits));
  return bits;
}
inline uint32_t u32_at(const std::byte* raw, int at) {
  uint32_t bits = 0;
  std::memcpy(&bits, raw + at, sizeof(bits));
  return bits;
}
inline double f16_at(const std::byte* raw, int at) {
  return f16_to_double(static_cast<uint16_t>(u16_at(raw, at)));
}

// legacy.cpp: 32 elements and one scale, with or without a minimum.
void decode_q4_0(const std::byte* raw, size_t blocks, double* out);
void decode_q4_1(const std::byte* raw, size_t blocks, double* out);
void decode_q5_0(const std::byte* raw, size_t blocks, double* out);
void decode_q5_1(const std::byte* raw, size_t blocks, double* out);
void decode_q8_0(const std::byte* raw, size_t blocks, double* out);

// k_quants.cpp: 256 elements with quantised scales of sub-blocks.
void decode_q2_k(const std::byte* raw, size_t blocks, double* out);
void decode_q3_k(const std::byte* raw, size_t blocks, double* out);
void decode_q4_k(const std::byte* raw, size_t blocks, double* out);
void decode_q5_k(const std::byte* raw, size_t blocks, double* out);
void decode_q6_k(const std::byte* raw, size_t blocks, double* out);

// code_books.cpp: four bits that choose from sixteen values.
void decode_iq4_nl(const std::byte* raw, size_t blocks, double* out);
void decode_iq4_xs(const std::byte* raw, size_t blocks, double* out);
void decode_mxfp4(const std::byte* raw, size_t blocks, double* out);
void decode_nvfp4(const std::byte* raw, size_t blocks, double* out);

// few_bits.cpp: three values, two or four.
void decode_tq1_0(const std::byte* raw, size_t blocks, double* out);
void decode_tq2_0(const std::byte* raw, size_t blocks, double* out);
void decode_q1_0(const std::byte* raw, size_t blocks, double* out);
void decode_q2_0(const std::byte* raw, size_t blocks, double* out);

// iq.cpp: indices into grids of eight or four magnitudes.
void decode_iq2_xxs(const std::byte* raw, size_t blocks, double* out);
void decode_iq2_xs(const std::byte* raw, size_t blocks, double* out);
void decode_iq2_s(const std::byte* raw, size_t blocks, double* out);
void decode_iq3_xxs(const std::byte* raw, size_t blocks, double* out);
void decode_iq3_s(const std::byte* raw, size_t blocks, double* out);
void decode_iq1_s(const std::byte* raw, size_t blocks, double* out);
void decode_iq1_m(const std::byte* raw, size_t blocks, double* out);

}  // namespace plumb::base::gguf
