#include "base/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace plumb::base {
namespace {

TEST(DType, RoundsBfloat16TiesToEven) {
  EXPECT_EQ(round_to(DType::kBF16, 1.0 + 0x1p-8), 1.0);             // tie: down to the even one
  EXPECT_EQ(round_to(DType::kBF16, 1.0 + 3 * 0x1p-8), 1.0 + 0x1p-6);  // tie: up to the even one
  EXPECT_EQ(round_to(DType::kBF16, 1.0 + 0x1p-8 + 0x1p-40), 1.0 + 0x1p-7);
}

TEST(DType, KeepsSubnormalsAndOverflowsToInfinity) {
  EXPECT_EQ(round_to(DType::kBF16, 0x1p-133), 0x1p-133);
  EXPECT_EQ(round_to(DType::kF16, 0x1p-24), 0x1p-24);
  EXPECT_EQ(round_to(DType::kF16, 65520.0), std::numeric_limits<double>::infinity());
  EXPECT_EQ(round_to(DType::kF16, 65519.0), 65504.0);
  EXPECT_TRUE(std::isnan(round_to(DType::kBF16, std::nan(""))));
}

}  // namespace
}  // namespace plumb::base
