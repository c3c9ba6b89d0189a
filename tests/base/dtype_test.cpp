#include "base/dtype.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/random.h"

namespace plumb::base {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A 16-bit format by its definition: sign, exponent, fraction; exponent 0 holds the subnormals.
struct Format {
  DType dtype;
  int fraction_bits;
  int bias;

  int exponent_ones() const { return (1 << (15 - fraction_bits)) - 1; }

  double value(int bits) const {
    const int exponent = (bits & 0x7fff) >> fraction_bits;
    const int fraction = bits & ((1 << fraction_bits) - 1);
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == exponent_ones()) return fraction == 0 ? sign * kInfinity : std::nan("");
    if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
    return sign * std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
  }
};

constexpr Format kFormats[] = {{DType::kBF16, 7, 127}, {DType::kF16, 10, 15}};

double widen_one(DType dtype, uint16_t bits) {
  double value = 0.0;
  widen(dtype, reinterpret_cast<const std::byte*>(&bits), {&value, 1});
  return value;
}

TEST(DType, WidensEveryPatternOf16BitsByItsDefinition) {
  for (const Format& format : kFormats) {
    for (int bits = 0; bits < 0x10000; ++bits) {
      const double expected = format.value(bits);
      const double actual = widen_one(format.dtype, static_cast<uint16_t>(bits));
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(actual)) << bits;
      } else {
        ASSERT_EQ(actual, expected) << bits;
        ASSERT_EQ(std::signbit(actual), std::signbit(expected)) << bits;
      }
    }
  }
}

TEST(DType, KeepsEveryValueOf16BitsWhenRounding) {
  for (const Format& format : kFormats) {
    for (int bits = 0; bits < 0x10000; ++bits) {
      const double value = format.value(bits);
      if (std::isnan(value)) continue;
      ASSERT_EQ(round_to(format.dtype, value), value) << bits;
      if (format.dtype != DType::kBF16) continue;
      ASSERT_EQ(bf16_from_double(value), bits);
    }
  }
}

// Every interval between neighbours: what lies below the middle goes down, above it up, and the
// middle itself to the neighbour with an even pattern.
TEST(DType, RoundsToTheNearestNeighbourTiesToEven) {
  for (const Format& format : kFormats) {
    const int last = (format.exponent_ones() << format.fraction_bits) - 1;
    for (int bits = 0; bits <= last; ++bits) {
      const double low = format.value(bits);
      // Past the largest number the next step stands for infinity.
      const double high = bits < last ? format.value(bits + 1) : 2.0 * low - format.value(bits - 1);
      const double middle = low + (high - low) / 2.0;
      const double up = bits < last ? high : kInfinity;
      for (const double sign : {1.0, -1.0}) {
        const auto rounded = [&](double x) { return round_to(format.dtype, sign * x); };
        ASSERT_EQ(rounded(middle), sign * (bits % 2 == 0 ? low : up)) << bits;
        ASSERT_EQ(rounded(std::nextafter(middle, 0.0)), sign * low) << bits;
        ASSERT_EQ(rounded(std::nextafter(middle, kInfinity)), sign * up) << bits;
      }
    }
  }
}

TEST(DType, RoundsFloat32ToTheNearestNeighbour) {
  for (uint64_t i = 0; i < 100'000; ++i) {
    const double x =
        std::ldexp(random_normal(1, i), static_cast<int>(random_bits(2, i) % 200) - 100);
    const double rounded = round_to(DType::kF32, x);
    const auto single = static_cast<float>(rounded);
    ASSERT_EQ(static_cast<double>(single), rounded);
    const double error = std::abs(rounded - x);
    for (const float towards : {-HUGE_VALF, HUGE_VALF}) {
      ASSERT_LE(error, std::abs(static_cast<double>(std::nextafter(single, towards)) - x));
    }
  }
}

TEST(DType, KeepsInfinitiesNansAndSignedZeros) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16, DType::kF16}) {
    EXPECT_EQ(round_to(dtype, kInfinity), kInfinity);
    EXPECT_EQ(round_to(dtype, -kInfinity), -kInfinity);
    EXPECT_TRUE(std::isnan(round_to(dtype, std::nan(""))));
    EXPECT_TRUE(std::signbit(round_to(dtype, -0.0)));
  }
  EXPECT_EQ(round_to(DType::kBF16, std::numeric_limits<double>::max()), kInfinity);
  EXPECT_TRUE(std::isnan(widen_one(DType::kBF16, bf16_from_double(std::nan("")))));
  // A NaN whose payload has no upper bits must not become infinity.
  EXPECT_TRUE(std::isnan(widen_one(
      DType::kBF16, bf16_from_double(std::bit_cast<double>(uint64_t{0x7ff0000000000001})))));
}

template <typename T>
std::vector<std::byte> unaligned_bytes(std::initializer_list<T> values) {
  std::vector<std::byte> bytes(1 + values.size() * sizeof(T));
  std::memcpy(bytes.data() + 1, std::data(values), values.size() * sizeof(T));
  return bytes;
}

TEST(DType, ReadsUnalignedData) {
  const auto doubles = unaligned_bytes<double>({1.0 + 0x1p-40, -2.5});
  std::vector<double> wide(2);
  widen(DType::kF64, doubles.data() + 1, wide);
  EXPECT_EQ(wide, (std::vector<double>{1.0 + 0x1p-40, -2.5}));
  std::vector<float> narrow(2);
  to_float(DType::kF64, doubles.data() + 1, narrow);
  EXPECT_EQ(narrow, (std::vector<float>{1.0F, -2.5F}));
  const auto floats = unaligned_bytes<float>({0.1F, 3.0F});
  widen(DType::kF32, floats.data() + 1, wide);
  EXPECT_EQ(wide, (std::vector<double>{static_cast<double>(0.1F), 3.0}));
  const auto halves = unaligned_bytes<uint16_t>({0x3c00, 0xc000});
  to_float(DType::kF16, halves.data() + 1, narrow);
  EXPECT_EQ(narrow, (std::vector<float>{1.0F, -2.0F}));
}

// One infinity or NaN among many, at every place and of every dtype, is seen.
TEST(DType, SeesOneElementThatIsNotFinite) {
  constexpr size_t kCount = 37;
  for (const double bad : {kInfinity, -kInfinity, std::nan("")}) {
    for (size_t at = 0; at < kCount; ++at) {
      std::vector<double> f64(kCount, 1e300);
      std::vector<float> f32(kCount, 1e38F);
      std::vector<uint16_t> bf16(kCount, 0x7f7f);
      std::vector<uint16_t> f16(kCount, 0x7bff);
      const auto raw = [](const auto& v) { return reinterpret_cast<const std::byte*>(v.data()); };
      const auto finite = [&] {
        return std::vector<bool>{
            all_finite(DType::kF64, raw(f64), kCount), all_finite(DType::kF32, raw(f32), kCount),
            all_finite(DType::kBF16, raw(bf16), kCount), all_finite(DType::kF16, raw(f16), kCount)};
      };
      ASSERT_EQ(finite(), std::vector<bool>(4, true));
      f64[at] = bad;
      f32[at] = static_cast<float>(bad);
      bf16[at] = bf16_from_double(bad);
      f16[at] = std::isnan(bad) ? 0x7c01 : (bad > 0 ? 0x7c00 : 0xfc00);
      ASSERT_EQ(finite(), std::vector<bool>(4, false)) << at;
    }
  }
}

TEST(DType, HasOneNameInEachWorld) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16, DType::kF16}) {
    EXPECT_EQ(dtype_from_torch_name(torch_name(dtype)), dtype);
    EXPECT_EQ(dtype_from_safetensors_name(safetensors_name(dtype)), dtype);
    // The unit roundoff: the largest u with 1 + u a tie that falls back to 1.
    EXPECT_EQ(round_to(dtype, 1.0 + unit_roundoff(dtype)), 1.0);
    EXPECT_GT(round_to(dtype, 1.0 + 3.0 * unit_roundoff(dtype)), 1.0);
  }
  EXPECT_EQ(dtype_from_torch_name("F32"), std::nullopt);
  EXPECT_EQ(dtype_from_safetensors_name("float32"), std::nullopt);
}

}  // namespace
}  // namespace plumb::base
