// What a tap was judged by: the statistic nearest to its limit.
#include <gtest/gtest.h>

#include <limits>

#include "compare/measure/gates.h"
#include "compare/verdict/tap_figures.h"

namespace plumb::verdict {
namespace {

using measure::GateLimits;
using measure::nearest_limit;
using measure::Ratios;
using result::Margin;

constexpr GateLimits kLimits{
    .whitened = 1.25, .row = 6.0, .column = 3.0, .element = 30.0, .peak = 12.0};

TEST(Margin, IsTheStatisticNearestToItsLimit) {
  Ratios ratios{.whitened = 1.0, .row = 3.0, .column = 1.5, .element = 9.0, .peak = 2.0};
  EXPECT_EQ(nearest_limit(ratios, kLimits).statistic, "tensor");
  ratios.row = 5.4;
  EXPECT_EQ(nearest_limit(ratios, kLimits).statistic, "position");
  ratios.column = 2.9;
  EXPECT_EQ(nearest_limit(ratios, kLimits).statistic, "channel");
  ratios.element = 29.5;
  EXPECT_EQ(nearest_limit(ratios, kLimits).statistic, "element");
  ratios.peak = 13.0;
  const measure::Nearest nearest = nearest_limit(ratios, kLimits);
  EXPECT_EQ(nearest.statistic, "peak");
  EXPECT_EQ(nearest.value, 13.0);
  EXPECT_EQ(nearest.limit, 12.0);
}

TEST(Margin, IsBeyondWhereAGateObjects) {
  Ratios ratios{.whitened = 1.0, .row = 3.0};
  EXPECT_TRUE(within(ratios, kLimits));
  EXPECT_FALSE(margin_of(ratios, kLimits).beyond());
  ratios.row = 6.1;
  EXPECT_FALSE(within(ratios, kLimits));
  EXPECT_TRUE(margin_of(ratios, kLimits).beyond());
  ratios.row = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(margin_of(ratios, kLimits).beyond());
  EXPECT_FALSE(Margin().beyond()) << "what was not judged is not beyond";
  EXPECT_TRUE((Margin{"tensor", std::numeric_limits<double>::quiet_NaN(), 1.25}).beyond());
}

TEST(Margin, OfSeveralPromptsIsTheNearest) {
  Margin margin;
  keep_nearer(margin, {"tensor", 1.0, 1.25});
  EXPECT_EQ(margin.statistic, "tensor");
  keep_nearer(margin, {"position", 3.0, 6.0});
  EXPECT_EQ(margin.statistic, "tensor");
  keep_nearer(margin, {"position", 5.9, 6.0});
  EXPECT_EQ(margin.statistic, "position");
  keep_nearer(margin, {});
  EXPECT_EQ(margin.value, 5.9);
}

}  // namespace
}  // namespace plumb::verdict
