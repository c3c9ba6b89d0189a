// Limits: what they are for tensors of the usual size, and how they move with few numbers.
#include "compare/measure/gates.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/measure/tensors.h"

namespace plumb::measure {
namespace {

using base::DType;

Floor even_floor(size_t rows, size_t columns) {
  return {.rms = 1.0,
          .rows = std::vector<double>(rows, 1.0),
          .columns = std::vector<double>(columns, 1.0),
          .farthest = 1.0};
}

TEST(Limits, OfLargeTensorsAreThoseOfTheDocs) {
  const Floor floor = even_floor(4096, 64);
  EXPECT_DOUBLE_EQ(local_limits(DType::kF32, floor).whitened, 1.25);
  EXPECT_DOUBLE_EQ(global_limits(DType::kF32, floor).whitened, 1.35);
  EXPECT_DOUBLE_EQ(local_limits(DType::kF32, floor).row, 6.0);
  EXPECT_DOUBLE_EQ(local_limits(DType::kBF16, floor).row, 4.5);
  EXPECT_DOUBLE_EQ(global_limits(DType::kF16, floor).row, 4.5);
  EXPECT_DOUBLE_EQ(local_limits(DType::kF32, floor).column, 2.6);
  EXPECT_DOUBLE_EQ(global_limits(DType::kF32, floor).column, 3.0);
  EXPECT_DOUBLE_EQ(local_limits(DType::kF32, floor).element, 30.0);
  EXPECT_DOUBLE_EQ(global_limits(DType::kF32, floor).element, 16.0);
}

TEST(Limits, GrowAsNumbersGetFew) {
  const GateLimits many = local_limits(DType::kF32, even_floor(256, 64));
  const GateLimits few = local_limits(DType::kF32, even_floor(4, 64));
  const GateLimits narrow = local_limits(DType::kF32, even_floor(256, 1));
  EXPECT_GT(few.whitened, many.whitened);
  EXPECT_GT(few.column, many.column);
  EXPECT_DOUBLE_EQ(few.column, 2.6 * std::sqrt(8.0));
  EXPECT_DOUBLE_EQ(few.row, many.row);
  EXPECT_DOUBLE_EQ(narrow.row, 2.0 * many.row);
  EXPECT_DOUBLE_EQ(few.element, many.element);
}

TEST(Limits, AreNeverBelowWhatEmulationsReach) {
  Floor floor = even_floor(4096, 64);
  floor.farthest = 2.0;
  EXPECT_DOUBLE_EQ(local_limits(DType::kF32, floor).whitened, 2.5);
}

// The limit of a tensor with little freedom is what the RMS of as many deviates stays below but
// once in a million. One in a million is not to be simulated: of the same formula at a larger rate,
// the tail of a chi-square is known. Mean square of n = 4: P(chi2_4 > x) = exp(-x/2) (1 + x/2).
TEST(Limits, OfLittleFreedomAreTheQuantileOfAChiSquare) {
  Floor floor = even_floor(1, 64);  // 4 independent numbers
  const double limit = local_limits(DType::kF32, floor).whitened;
  const double x = 4.0 * limit * limit;
  const double tail = std::exp(-x / 2.0) * (1.0 + x / 2.0);
  EXPECT_GT(tail, 0.3e-6);
  EXPECT_LT(tail, 3e-6);
  floor = even_floor(4096, 64);
  floor.freedom = 2.0;  // P(chi2_2 > x) = exp(-x/2)
  const double two = local_limits(DType::kF32, floor).whitened;
  EXPECT_GT(std::exp(-two * two), 0.2e-6);
  EXPECT_LT(std::exp(-two * two), 5e-6);
}

TEST(Limits, OfOneColumnOfLittleFreedomGrow) {
  Floor floor = even_floor(4096, 64);
  floor.column_freedom = 2.0;
  EXPECT_GT(local_limits(DType::kF32, floor).column, 3.0);
}

TEST(Within, IsFalseForNanAndAtOneGateBeyond) {
  const GateLimits limits{.whitened = 1, .row = 1, .column = 1, .element = 1, .peak = 1};
  const Ratios at{.whitened = 1, .row = 1, .column = 1, .element = 1, .peak = 1};
  EXPECT_TRUE(within(at, limits));
  const double beyond = std::nextafter(1.0, 2.0);
  for (double Ratios::*part :
       {&Ratios::whitened, &Ratios::row, &Ratios::column, &Ratios::element, &Ratios::peak}) {
    for (const double bad : {beyond, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
      Ratios r = at;
      r.*part = bad;
      EXPECT_FALSE(within(r, limits));
    }
  }
}

TEST(Replicas, AreFewerWhereATensorAveragesByItself) {
  EXPECT_EQ(replicas_for(8, 40, 64), 8);
  EXPECT_EQ(replicas_for(32, 40, 64), 32);
  EXPECT_EQ(replicas_for(256, 1024, 256), 3);
  EXPECT_EQ(replicas_for(256, 64, 64), 64);
}

TEST(Causes, AreHeldToLessInSixteenBits) {
  EXPECT_DOUBLE_EQ(cause_limits(DType::kF32, false).residual, 2.0);
  EXPECT_DOUBLE_EQ(cause_limits(DType::kF32, true).residual, 2.0);
  EXPECT_DOUBLE_EQ(cause_limits(DType::kBF16, false).residual, 1.3);
  EXPECT_DOUBLE_EQ(cause_limits(DType::kBF16, true).residual, 1.6);
  EXPECT_DOUBLE_EQ(cause_limits(DType::kF32, false).share, 0.8);
  EXPECT_DOUBLE_EQ(cause_limits(DType::kBF16, true).beta_error, 0.15);
}

TEST(Excess, NamesTheGateThatIsExceededMost) {
  const GateLimits limits{.whitened = 1.25, .row = 6, .column = 2.6, .element = 30};
  Ratios r{
      .whitened = 1.5, .row = 60, .worst_row = 12, .column = 5, .worst_column = 3, .element = 31};
  EXPECT_EQ(describe_excess(r, limits, 16), "position 12 is 60 times the floor (limit 6)");
  r.column = 260;
  EXPECT_EQ(describe_excess(r, limits, 16), "channel 3 is 260 times the floor (limit 2.6)");
  r.element = 1e6;
  r.worst_element = 35;
  EXPECT_EQ(describe_excess(r, limits, 16),
            "position 2 channel 3 is 1e+06 times the floor (limit 30)");
}

}  // namespace
}  // namespace plumb::measure
