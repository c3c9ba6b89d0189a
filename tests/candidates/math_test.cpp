// The exponential of the softmax, on every target, against float64. The other functions are
// measured through the ops that use them (elementwise_test.cpp).
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/candidates/math_test.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

void exponentials(const float* x, float* y, size_t n) {
  map(
      F(), n, y, [](auto v) HWY_ATTR { return exp32(v); }, x);
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {
HWY_EXPORT(exponentials);
namespace {

TEST(Exp32, IsWithinTwoRoundingsBelowZero) {
  std::vector<float> x;
  for (double v = 0.0; v > -87.2; v -= 0.00071) x.push_back(static_cast<float>(v));
  std::vector<float> y(x.size());
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    HWY_DYNAMIC_DISPATCH(exponentials)(x.data(), y.data(), x.size());
    hwy::SetSupportedTargetsForTest(0);
    double squares = 0.0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = std::exp(static_cast<double>(x[i]));
      const double error = (y[i] / exact - 1.0) / 0x1p-24;
      squares += error * error;
      ASSERT_LE(std::abs(error), 2.0) << hwy::TargetName(target) << ", x = " << x[i];
    }
    // In units of one rounding's RMS, 0.42 u.
    const double rms = std::sqrt(squares / static_cast<double>(x.size())) / 0.42;
    EXPECT_LE(rms, 1.2) << hwy::TargetName(target);
  }
}

TEST(Exp32, HandsANaNOnAndVanishesFarBelowZero) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float x[] = {nan, 0.0f, -200.0f, -std::numeric_limits<float>::infinity(), nan};
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    float y[5];
    HWY_DYNAMIC_DISPATCH(exponentials)(x, y, 5);
    hwy::SetSupportedTargetsForTest(0);
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[4])) << hwy::TargetName(target);
    EXPECT_EQ(y[1], 1.0f);
    EXPECT_EQ(y[2], 0.0f);
    EXPECT_EQ(y[3], 0.0f);
  }
}

}  // namespace
}  // namespace plumb::candidates::cpu
#endif
