#include "reports/plot.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reports/log_scale.h"
#include "reports/marker.h"
#include "reports/tap_axis.h"
#include "tests/reports/demo.h"
#include "tests/reports/samples.h"
#include "tests/reports/well_formed.h"

namespace plumb::reports {
namespace {

Result with_taps(const std::vector<std::string>& names) {
  Result result = passed_result();
  result.taps.clear();
  for (const std::string& name : names) {
    result.taps.push_back({.tap = name, .floor_ratio = 1, .local_ratio = 1});
  }
  return result;
}

TEST(TapAxis, JoinsDifferentRecordingsInTheOrderOfTheForward) {
  const Result coarse = with_taps({"layer.0.out", "layer.1.out", "logits"});
  const Result fine = with_taps({"embed", "layer.0.q", "layer.0.out", "layer.1.q", "layer.1.out"});
  const std::vector<std::string> expected = {"embed",     "layer.0.q",   "layer.0.out",
                                             "layer.1.q", "layer.1.out", "logits"};
  EXPECT_EQ(TapAxis({&coarse, &fine}, 0, 100).taps(), expected);
  EXPECT_EQ(TapAxis({&fine, &coarse}, 0, 100).taps(), expected);
}

TEST(TapAxis, GroupsByLayerAndStaysInItsBounds) {
  const Result result =
      with_taps({"embed", "layer.0.q", "layer.0.out", "layer.1.state.k", "layer.x.q", "logits"});
  const TapAxis axis({&result}, 10, 500);
  std::vector<std::string> labels;
  for (const TapGroup& group : axis.groups()) labels.push_back(group.label);
  EXPECT_EQ(labels, (std::vector<std::string>{"embed", "0", "1", "layer.x.q", "logits"}));
  EXPECT_EQ(axis.groups()[1].layer, 0);
  EXPECT_EQ(axis.groups()[3].layer, std::nullopt);
  for (size_t tap = 1; tap < axis.taps().size(); ++tap) EXPECT_GT(axis.x(tap), axis.x(tap - 1));
  EXPECT_GT(axis.x(0), 10);
  EXPECT_LT(axis.x(5), 500);
  EXPECT_DOUBLE_EQ(axis.groups().back().right, 500);
}

TEST(TapAxis, DropsNamesThatHaveNoRoom) {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("global_tap_" + std::to_string(i));
  const Result result = with_taps(names);
  const TapAxis axis({&result}, 0, 900);
  for (const TapGroup& group : axis.groups()) EXPECT_EQ(group.label, "");
}

TEST(LogScale, PutsZeroAtTheBottomAndInfinityAtTheTop) {
  const LogScale scale({0.0, 0.5, 3e4, HUGE_VAL, std::nan("")}, 10, 110);
  EXPECT_EQ(scale.y(0.0), 110);
  EXPECT_EQ(scale.y(-1.0), 110);
  EXPECT_EQ(scale.y(HUGE_VAL), 10);
  EXPECT_EQ(scale.y(1e5), 10);
  EXPECT_TRUE(scale.is_above(HUGE_VAL));
  EXPECT_FALSE(scale.is_above(3e4));
  EXPECT_GT(scale.y(1), scale.y(10));
}

TEST(LogScale, NamesAtMostEightDecadesAndAlwaysOne) {
  for (const double largest : {1.0, 1e3, 1e9, 1e300}) {
    bool names_one = false;
    const std::vector<LogTick> ticks = LogScale({1e-300, largest}, 0, 100).ticks();
    EXPECT_LE(ticks.size(), 8U);
    for (const LogTick& tick : ticks) names_one = names_one || tick.label == "1";
    EXPECT_TRUE(names_one) << largest;
  }
}

TEST(Marker, TellsTwentyCandidatesApart) {
  std::vector<std::pair<MarkerShape, std::string>> seen;
  for (size_t i = 0; i < 20; ++i) {
    const std::pair look(series_shape(i), series_style(i));
    EXPECT_EQ(std::count(seen.begin(), seen.end(), look), 0);
    seen.push_back(look);
  }
}

TEST(Plot, HasNothingToDrawWithoutAKnownRatio) {
  const Result skipped = skipped_result();
  EXPECT_FALSE(can_draw_drift({&skipped}));
  EXPECT_FALSE(can_draw_drift({}));
}

TEST(Plot, DrawsEveryKnownRatioOfALargeModelOnce) {
  ResultRefs refs;
  const std::vector<Result> results = demo_results();
  int known = 0;
  for (const Result& result : results) {
    if (result.case_name != "qwen3-06b") continue;
    refs.push_back(&result);
    known += 2 * static_cast<int>(result.taps.size());
  }
  Markup page;
  draw_drift(page, refs);
  EXPECT_EQ(xml_error(page.str()), "");
  EXPECT_EQ(xml_contents(page.str()).elements["title"], known);
  EXPECT_EQ(page.str().find("nan"), std::string::npos);
}

}  // namespace
}  // namespace plumb::reports
