// Operands rounded to codes, held to what the owners of the formats make of the same numbers:
// oracles/operand_codes.json, which oracles/operand_codes.py records.
#include "base/operand_codes.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "base/sha256.h"

namespace plumb::base {
namespace {

using Code = OperandCodes::Code;
using Recipe = OperandCodes::Recipe;

constexpr size_t kRows = 24;
constexpr size_t kColumns = 512;

// Rows of very different size; one of ties; the last is zeros, and so is a block of the first.
std::vector<double> operands(DType dtype) {
  std::vector<double> x(kRows * kColumns);
  for (size_t r = 0; r + 1 < kRows; ++r) {
    for (size_t c = 0; c < kColumns; ++c) {
      const double size = std::ldexp(1.0, static_cast<int>(r % 7 * 3) - 9);
      double value = random_normal(7, r * kColumns + c) * size;
      if (r == 1) value = c % 32 == 0 ? 127.0 : static_cast<double>(c * 37 % 253) - 126.5;
      if (r == 0 && c >= 32 && c < 64) value = 0.0;
      x[r * kColumns + c] = round_to(dtype, round_to(DType::kF32, value));
    }
  }
  return x;
}

std::string digest(const std::vector<double>& values) {
  Sha256 hash;
  for (const double value : values) {
    const auto bits = std::bit_cast<uint64_t>(value + 0.0);
    char bytes[sizeof(bits)];
    for (size_t i = 0; i < sizeof(bits); ++i) bytes[i] = static_cast<char>(bits >> (8 * i));
    hash.update(std::string_view(bytes, sizeof(bits)));
  }
  return hash.hex_digest();
}

std::vector<double> rounded(const OperandCodes& codes, CodeRounding how = {}) {
  std::vector<double> x = operands(codes.working);
  round_to_codes(codes, x, kColumns, [&](size_t) { return how; });
  return x;
}

std::string recorded(const std::string& name) {
  static const Json json = read_json_file(std::string(PLUMB_ROOT) + "/oracles/operand_codes.json");
  return json.at(name).get<std::string>();
}

TEST(OperandCodes, AreGgmls) {
  EXPECT_EQ(digest(rounded(*ggml_operand("Q4_0"))), recorded("Q8_0"));
  EXPECT_EQ(digest(rounded(*ggml_operand("Q5_1"))), recorded("Q8_1"));
  EXPECT_EQ(digest(rounded(*ggml_operand("IQ2_XXS"))), recorded("Q8_K"));
  EXPECT_EQ(digest(rounded(*ggml_operand("MXFP4"), {.portable = true})), recorded("Q8_0 portable"));
  EXPECT_EQ(digest(rounded(*ggml_operand("Q4_1"), {.portable = true})), recorded("Q8_1 portable"));
  EXPECT_NE(recorded("Q8_0"), recorded("Q8_0 portable"));
}

TEST(OperandCodes, AreCompressedTensors) {
  for (const auto& [working, name] : {std::pair(DType::kF32, " f32"), {DType::kBF16, " bf16"}}) {
    const std::string type = name;
    EXPECT_EQ(digest(rounded({.working = working})), recorded("int8 token" + type));
    EXPECT_EQ(digest(rounded({.symmetric = false, .working = working})),
              recorded("int8 asymmetric" + type));
    EXPECT_EQ(digest(rounded({.code = Code::kE4M3, .working = working})),
              recorded("e4m3 token" + type));
    EXPECT_EQ(digest(rounded({.code = Code::kE4M3, .group = 128, .working = working})),
              recorded("e4m3 group" + type));
    EXPECT_EQ(digest(rounded({.code = Code::kE4M3, .whole_call = true, .working = working})),
              recorded("e4m3 tensor" + type));
    EXPECT_EQ(
        digest(rounded({.code = Code::kE2M1, .group = 16, .global = 64.0, .working = working})),
        recorded("e2m1" + type));
  }
}

TEST(OperandCodes, EveryTypeOfGgmlHasItsOwn) {
  for (const char* type : {"Q4_0", "Q5_0", "Q8_0", "IQ4_NL", "MXFP4", "NVFP4", "Q1_0", "Q2_0"}) {
    EXPECT_EQ(ggml_operand(type)->recipe, Recipe::kQ8_0) << type;
  }
  for (const char* type : {"Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ1_S", "IQ4_XS", "TQ1_0"}) {
    EXPECT_EQ(ggml_operand(type)->recipe, Recipe::kQ8_K) << type;
  }
  for (const char* type : {"F32", "F16", "BF16", "F64"}) EXPECT_FALSE(ggml_operand(type)) << type;
}

// Scales as vLLM's kernels make them: of a row, of a group as a power of two, of the file.
TEST(OperandCodes, AreServedWithTheKernelsScales) {
  std::vector<double> x = {127.0, -63.5, 2.5, 0.4};
  OperandCodes codes{.recipe = Recipe::kServed};
  round_to_codes(codes, x, 4, [](size_t) { return CodeRounding{}; });
  EXPECT_EQ(x, (std::vector<double>{127.0, -64.0, 2.0, 0.0}));

  codes = {.recipe = Recipe::kServed, .code = Code::kE4M3, .group = 4, .powers_of_two = true};
  x = {500.0, 17.0, -3.3, 0.0};
  round_to_codes(codes, x, 4, [](size_t) { return CodeRounding{}; });
  EXPECT_EQ(x, (std::vector<double>{512.0, 16.0, -3.25, 0.0}));

  codes = {.recipe = Recipe::kServed, .code = Code::kE4M3, .scale = 0.5};
  x = {500.0, 0.55, -0.001, 1.0};
  round_to_codes(codes, x, 4, [](size_t) { return CodeRounding{}; });
  EXPECT_EQ(x, (std::vector<double>{224.0, 0.5625, -0.0009765625, 1.0}));
}

// Five deviations of a mean over the values of a row that is rounded again and again.
TEST(OperandCodes, DitheredTheyAreRightInTheMean) {
  constexpr int kTimes = 4000;
  const std::vector<double> row = {1.0, 0.3337, -0.7711, 0.0123};
  for (const Code code : {Code::kInt8, Code::kE4M3}) {
    std::vector<double> sum(row.size(), 0.0);
    for (int i = 0; i < kTimes; ++i) {
      std::vector<double> x = row;
      round_to_codes({.recipe = Recipe::kServed, .code = code}, x, row.size(), [&](size_t) {
        return CodeRounding{.dithered = true, .key = mix64(static_cast<uint64_t>(i))};
      });
      for (size_t c = 0; c < x.size(); ++c) sum[c] += x[c] / kTimes;
    }
    for (size_t c = 0; c < row.size(); ++c) {
      const double step = code == Code::kInt8 ? 1.0 / 127.0 : std::abs(row[c]) / 8.0;
      EXPECT_NEAR(sum[c], row[c], 5.0 * step / std::sqrt(4.0 * kTimes));
    }
  }
}

}  // namespace
}  // namespace plumb::base
