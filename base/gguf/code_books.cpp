// IQ4_NL, IQ4_XS, MXFP4, NVFP4: four bits choose from sixteen values.
#include <cmath>
#include <limits>

#include "base/gguf/blocks.h"

namespace plumb::base::gguf {
namespace {

constexpr int kNonLinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                1,    13,   25,  38,  53,  69,  89,  113};
// Twice the values of e2m1.
constexpr int kFloat4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// `elements` codes, byte j holding element j and element j + elements / 2.
void decode_codes(const std::byte* nibbles, int elements, const int (&book)[16], double scale,
                  double* out) {
  const int half = elements / 2;
  for (int j = 0; j < half; ++j) {
    out[j] = scale * book[low_nibble(nibbles, j)];
    out[j + half] = scale * book[high_nibble(nibbles, j)];
  }
}

// Half of an unsigned e4m3 scale: it multiplies doubled values.
double half_ue4m3(int bits) {
  if (bits >= 0x7f) return std::numeric_limits<double>::quiet_NaN();
  const int exponent = bits >> 3;
  const int mantissa = bits & 7;
  return exponent == 0 ? std::ldexp(mantissa, -10) : std::ldexp(8 + mantissa, exponent - 11);
}

}  // namespace

void decode_iq4_nl(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 18, out += 32) {
    decode_codes(raw + 2, 32, kNonLinear, f16_at(raw, 0), out);
  }
}

void decode_iq4_xs(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 136, out += 256) {
    const double scale = f16_at(raw, 0);
    const uint32_t high = u16_at(raw, 2);
    for (int i = 0; i < 8; ++i) {
      const int low = byte_at(raw, 4 + i / 2) >> 4 * (i % 2) & 15;
      const int sub = low | static_cast<int>(high >> 2 * i & 3) << 4;
      decode_codes(raw + 8 + 16 * i, 32, kNonLinear, scale * (sub - 32), out + 32 * i);
    }
  }
}

void decode_mxfp4(const std::byte* raw, size_t blocks, double* out) {
  constexpr int kNan = 255;
  for (size_t b = 0; b < blocks; ++b, raw += 17, out += 32) {
    const int exponent = byte_at(raw, 0);
    const double scale = exponent == kNan ? std::numeric_limits<double>::quiet_NaN()
                                          : std::ldexp(1.0, exponent - 128);
    decode_codes(raw + 1, 32, kFloat4, scale, out);
  }
}

void decode_nvfp4(const std::byte* raw, size_t blocks, double* out) {
  for (size_t b = 0; b < blocks; ++b, raw += 36, out += 64) {
    for (int i = 0; i < 4; ++i) {
      decode_codes(raw + 4 + 8 * i, 16, kFloat4, half_ue4m3(byte_at(raw, i)), out + 16 * i);
    }
  }
}

}  // namespace plumb::base::gguf
