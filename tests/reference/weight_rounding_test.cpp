// What a contract does to the weights of a product: it rounds those that its type does not hold,
// once and to nearest, as an engine does on loading.
#include <gtest/gtest.h>

#include "graph/contract.h"
#include "reference/arithmetic.h"

namespace plumb::reference {
namespace {

using base::DType;

double rounded(std::string_view contract, DType stored, double value,
               RoundingMode mode = RoundingMode::kNearest) {
  const graph::OpKind kind = graph::Linear{};
  const Emulated a(*graph::find_contract(contract), kind, {}, 7, mode);
  a.weight(graph::Linear::kWeight, {&value, 1}, stored);
  return value;
}

constexpr double kFine = 1.0 + 0x1p-8 + 0x1p-30;  // above the middle of two bfloat16 neighbours

TEST(WeightRounding, IsToTheTypeOfTheContract) {
  EXPECT_EQ(rounded("bfloat16", DType::kF64, kFine), 1.0 + 0x1p-7);
  EXPECT_EQ(rounded("float16", DType::kF64, kFine), 1.0 + 0x1p-8);
  EXPECT_EQ(rounded("float32", DType::kF64, kFine), 1.0 + 0x1p-8);
  EXPECT_EQ(rounded("float64", DType::kF64, kFine), kFine);
  EXPECT_EQ(rounded("float32-bf16-matmul", DType::kF64, kFine), 1.0 + 0x1p-7);
}

// What every emulation shares is no noise: dither leaves it alone.
TEST(WeightRounding, IsTheSameInEveryEmulation) {
  EXPECT_EQ(rounded("bfloat16", DType::kF64, kFine, RoundingMode::kDithered), 1.0 + 0x1p-7);
}

// A value is not looked at where its type is held; here the type is claimed of one that it has not.
TEST(WeightRounding, LeavesWhatTheTypeHolds) {
  EXPECT_EQ(rounded("bfloat16", DType::kBF16, kFine), kFine);
  EXPECT_EQ(rounded("float32", DType::kBF16, kFine), kFine);
  EXPECT_EQ(rounded("float32", DType::kF16, kFine), kFine);
  EXPECT_EQ(rounded("float32", DType::kF32, kFine), kFine);
  EXPECT_NE(rounded("float16", DType::kBF16, kFine), kFine);
  EXPECT_NE(rounded("bfloat16", DType::kF32, kFine), kFine);
}

}  // namespace
}  // namespace plumb::reference
