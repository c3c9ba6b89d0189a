#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/gguf/types.h"
#include "base/json.h"
#include "base/sha256.h"

namespace plumb::base {
namespace {

constexpr size_t kBlocks = 256;

// The blocks of oracles/gguf_blocks.py, where the rule stands in words.
std::vector<std::byte> blocks_of(const GgmlType& type, const std::vector<int>& scales) {
  const auto size = static_cast<size_t>(type.bytes);
  std::vector<std::byte> data(kBlocks * size);
  for (size_t b = 0; b < kBlocks; ++b) {
    std::byte* block = &data[b * size];
    for (size_t f = 0; f < size; ++f) block[f] = std::byte((b * (2 * f + 1) + 97 * f) % 256);
    for (const int at : scales) {
      if ((block[at] & std::byte{0x7c}) == std::byte{0x7c}) block[at] ^= std::byte{0x04};
    }
    if (type.name == "IQ1_M" && (block[55] & std::byte{0x70}) == std::byte{0x70}) {
      block[55] ^= std::byte{0x10};
    }
    if (type.name == "MXFP4") block[0] = std::byte(std::to_integer<int>(block[0]) % 252);
    if (type.name == "NVFP4") {
      for (int i = 0; i < 4; ++i) block[i] = std::byte(std::to_integer<int>(block[i]) % 127);
    }
  }
  return data;
}

std::vector<int> scales_of(std::string_view name) {
  if (name == "Q2_K") return {81, 83};
  if (name == "Q3_K") return {109};
  if (name == "Q6_K") return {209};
  if (name == "TQ1_0") return {53};
  if (name == "TQ2_0") return {65};
  if (name == "IQ1_M" || name == "MXFP4" || name == "NVFP4") return {};
  if (name == "Q4_1" || name == "Q5_1" || name == "Q4_K" || name == "Q5_K") return {1, 3};
  return {1};
}

std::string digest(const std::vector<double>& values) {
  std::vector<float> rounded(values.begin(), values.end());
  for (float& value : rounded) value += 0.0F;  // zeros without a sign
  Sha256 hash;
  hash.update(std::as_bytes(std::span(rounded)));
  return hash.hex_digest();
}

std::vector<double> decode(const GgmlType& type, const std::vector<std::byte>& data) {
  const size_t blocks = data.size() / static_cast<size_t>(type.bytes);
  std::vector<double> values(blocks * static_cast<size_t>(type.elements));
  type.decode(data.data(), blocks, values.data());
  return values;
}

// Every byte of a block takes all its values; the gguf package and ggml's C code give the digests.
TEST(GgmlTypes, DecodeAsTheGgufPackageDoes) {
  const Json record = read_json_file(PLUMB_ROOT "/oracles/gguf_blocks.json");
  ASSERT_EQ(record.size(), 25U);
  for (const auto& [name, expected] : record.items()) {
    const GgmlType* type = find_ggml_type(name);
    ASSERT_NE(type, nullptr) << name;
    const std::vector<std::byte> data = blocks_of(*type, scales_of(name));
    EXPECT_EQ(digest(decode(*type, data)), expected.get<std::string>()) << name;
  }
}

// What float32 cannot hold: a sum of Q4_1 needs more than 24 bits, MXFP4 reaches beyond its range.
TEST(GgmlTypes, DecodeExactlyWhereFloat32Rounds) {
  std::vector<std::byte> q4_1(20);
  const uint16_t scale = 0x7801;  // 32800
  const uint16_t minimum = 1;     // 2^-24
  std::memcpy(q4_1.data(), &scale, 2);
  std::memcpy(q4_1.data() + 2, &minimum, 2);
  q4_1[4] = std::byte{0x0f};
  const std::vector<double> sum = decode(*find_ggml_type("Q4_1"), q4_1);
  EXPECT_EQ(sum[0], 32800.0 * 15 + std::ldexp(1.0, -24));
  EXPECT_EQ(sum[16], std::ldexp(1.0, -24));
  std::vector<std::byte> mxfp4(17);
  mxfp4[0] = std::byte{254};
  mxfp4[1] = std::byte{0xf7};
  const std::vector<double> wide = decode(*find_ggml_type("MXFP4"), mxfp4);
  EXPECT_EQ(wide[0], std::ldexp(6.0, 127));
  EXPECT_EQ(wide[16], -std::ldexp(6.0, 127));
}

TEST(GgmlTypes, GiveNanForScalesThatAreNone) {
  std::vector<std::byte> mxfp4(17, std::byte{0x11});
  mxfp4[0] = std::byte{255};
  EXPECT_TRUE(std::isnan(decode(*find_ggml_type("MXFP4"), mxfp4)[0]));
  std::vector<std::byte> nvfp4(36, std::byte{0x11});
  nvfp4[1] = std::byte{0x7f};
  nvfp4[3] = std::byte{0x80};
  const std::vector<double> values = decode(*find_ggml_type("NVFP4"), nvfp4);
  EXPECT_EQ(values[0], 0.5 * std::ldexp(9.0, 2 - 10));  // scale 0x11: 9/8 * 2^-5
  EXPECT_TRUE(std::isnan(values[16]));
  EXPECT_TRUE(std::isnan(values[48]));
  std::vector<std::byte> q8_0(34, std::byte{0x7e});
  EXPECT_TRUE(std::isnan(decode(*find_ggml_type("Q8_0"), q8_0)[5]));
}

TEST(GgmlTypes, KnowPlainTypesAndNothingRemoved) {
  const float number = 0.1F;
  double wide = 0.0;
  find_ggml_type("F32")->decode(reinterpret_cast<const std::byte*>(&number), 1, &wide);
  EXPECT_EQ(wide, static_cast<double>(number));
  for (const uint32_t id : {4, 5, 31, 32, 33, 36, 37, 38, 43, 137}) {
    EXPECT_EQ(find_ggml_type(id), nullptr) << id;
  }
  EXPECT_EQ(find_ggml_type("Q8_K")->decode, nullptr);
}

}  // namespace
}  // namespace plumb::base
