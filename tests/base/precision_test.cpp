// Formats that values pass through: their grids, their ends, ties to even.
#include "base/precision.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace plumb::base {
namespace {

TEST(Precision, NamesReadBack) {
  for (const Precision precision :
       {Precision::kF64, Precision::kF32, Precision::kTF32, Precision::kBF16, Precision::kF16,
        Precision::kE4M3, Precision::kE5M2}) {
    EXPECT_EQ(precision_from_name(precision_name(precision)), precision);
    EXPECT_NE(precision_names().find(precision_name(precision)), std::string_view::npos);
  }
  EXPECT_FALSE(precision_from_name("int8"));
}

TEST(Precision, StorageTypesRoundAsTheyAreStored) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16, DType::kF16}) {
    EXPECT_EQ(unit_roundoff(precision_of(dtype)), unit_roundoff(dtype));
    for (const double x : {0.1, -3.7, 1e-6, 65519.0, 70000.0}) {
      EXPECT_EQ(round_to(precision_of(dtype), x), round_to(dtype, x)) << torch_name(dtype) << x;
    }
  }
}

TEST(Precision, RoundsToTheGridOfEachFormat) {
  EXPECT_EQ(round_to(Precision::kTF32, 1.0 + 0x1p-10), 1.0 + 0x1p-10);
  EXPECT_EQ(round_to(Precision::kTF32, 1.0 + 0x1p-11), 1.0);  // a tie, to even
  EXPECT_EQ(round_to(Precision::kTF32, 1.0 + 3 * 0x1p-11), 1.0 + 0x1p-9);
  EXPECT_EQ(round_to(Precision::kTF32, 1e38), std::nearbyint(1e38 / 0x1p116) * 0x1p116);
  EXPECT_EQ(round_to(Precision::kE4M3, 17.0), 16.0);
  EXPECT_EQ(round_to(Precision::kE4M3, 19.0), 20.0);
  EXPECT_EQ(round_to(Precision::kE4M3, 0x1p-9), 0x1p-9);  // the least subnormal
  EXPECT_EQ(round_to(Precision::kE4M3, 0x1p-10), 0.0);    // a tie, to even
  EXPECT_EQ(round_to(Precision::kE5M2, 9.0), 8.0);
  EXPECT_EQ(round_to(Precision::kE5M2, 11.0), 12.0);
}

TEST(Precision, FormatsOfEightBitsSaturate) {
  EXPECT_EQ(round_to(Precision::kE4M3, 1e4), 448.0);
  EXPECT_EQ(round_to(Precision::kE4M3, -460.0), -448.0);
  EXPECT_EQ(round_to(Precision::kE5M2, -1e6), -57344.0);
  EXPECT_TRUE(std::isnan(round_to(Precision::kE4M3, std::nan(""))));
}

}  // namespace
}  // namespace plumb::base
