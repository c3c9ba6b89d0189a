#include "reports/baseline.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/reports/demo.h"
#include "tests/reports/samples.h"

namespace plumb::reports {
namespace {

using result::Result;
using result::Verdict;

std::vector<Change> changes(const Result& before, const Result& after) {
  return compare_with({"before", {before}}, {after}).changes;
}

Result with_ratio(double ratio) {
  Result result = passed_result();
  result.drift.floor_ratio = ratio;
  return result;
}

TEST(Baseline, AFileHasNotMovedAgainstItself) {
  for (const std::vector<Result>& results : {mixed(), demo_results(), std::vector<Result>{}}) {
    EXPECT_TRUE(compare_with({"itself", results}, results).changes.empty());
  }
}

TEST(Baseline, CountsADriftFromTenPerCentOn) {
  EXPECT_TRUE(changes(with_ratio(1.0), with_ratio(1.09)).empty());
  EXPECT_TRUE(changes(with_ratio(1.0), with_ratio(0.91)).empty());
  const std::vector<Change> up = changes(with_ratio(1.0), with_ratio(1.2));
  ASSERT_EQ(up.size(), 1U);
  EXPECT_EQ(up[0].kind, ChangeKind::kFloorRatio);
  EXPECT_EQ(up[0].before, "1.00");
  EXPECT_EQ(up[0].after, "1.20");
  EXPECT_EQ(up[0].direction, Direction::kWorse);
  EXPECT_EQ(changes(with_ratio(1.2), with_ratio(1.0))[0].direction, Direction::kBetter);
}

TEST(Baseline, ANumberThatBecomesUnknownHasMoved) {
  const double unknown = std::nan("");
  EXPECT_TRUE(changes(with_ratio(unknown), with_ratio(unknown)).empty());
  EXPECT_EQ(changes(with_ratio(1.0), with_ratio(unknown))[0].direction, Direction::kWorse);
  EXPECT_EQ(changes(with_ratio(unknown), with_ratio(1.0))[0].direction, Direction::kBetter);
  EXPECT_TRUE(changes(with_ratio(HUGE_VAL), with_ratio(HUGE_VAL)).empty());
  EXPECT_EQ(changes(with_ratio(1.0), with_ratio(HUGE_VAL))[0].direction, Direction::kWorse);
  EXPECT_EQ(changes(with_ratio(HUGE_VAL), with_ratio(1.0))[0].direction, Direction::kBetter);
}

TEST(Baseline, TellsVerdictsNewAndGone) {
  Result failed = passed_result();
  failed.verdict = Verdict::kFailed;
  EXPECT_EQ(changes(passed_result(), failed)[0].direction, Direction::kWorse);
  EXPECT_EQ(changes(failed, passed_result())[0].direction, Direction::kBetter);

  const Comparison comparison = compare_with({"before", {passed_result()}}, {nan_result()});
  ASSERT_EQ(comparison.changes.size(), 2U);
  EXPECT_EQ(comparison.changes[0].kind, ChangeKind::kNew);
  EXPECT_EQ(comparison.changes[1].kind, ChangeKind::kGone);
  EXPECT_TRUE(comparison.unmoved.empty());
}

TEST(Baseline, ASkippedCaseHasNoNumbersThatMoved) {
  Result skipped = skipped_result();
  skipped.case_name = passed_result().case_name;
  skipped.family = passed_result().family;
  const std::vector<Change> moved = changes(passed_result(), skipped);
  ASSERT_EQ(moved.size(), 1U);
  EXPECT_EQ(moved[0].kind, ChangeKind::kVerdict);
  EXPECT_EQ(moved[0].direction, Direction::kWorse);
}

TEST(Baseline, TheOracleMayWanderWithinRoundingButNotRiseTenfold) {
  const auto with_oracle = [](double max_rel_tap) {
    Result result = passed_result();
    result.oracle->max_rel_tap = max_rel_tap;
    return result;
  };
  EXPECT_TRUE(changes(with_oracle(2e-14), with_oracle(1.9e-13)).empty());
  EXPECT_TRUE(changes(with_oracle(2e-14), with_oracle(1e-16)).empty());
  EXPECT_TRUE(changes(with_oracle(0), with_oracle(5e-16)).empty());
  EXPECT_EQ(changes(with_oracle(2e-14), with_oracle(3e-13))[0].kind, ChangeKind::kOracle);
  EXPECT_EQ(changes(with_oracle(2e-14), with_oracle(std::nan("")))[0].kind, ChangeKind::kOracle);
}

TEST(Baseline, NamesTheFamiliesInWhichNothingMoved) {
  const Comparison comparison =
      compare_with({"before", all_passed()}, {passed_result(), all_passed()[2]});
  ASSERT_EQ(comparison.changes.size(), 1U);
  EXPECT_EQ(comparison.changes[0].candidate, "cpu-bf16");
  EXPECT_EQ(comparison.changes[0].kind, ChangeKind::kGone);
  EXPECT_EQ(comparison.unmoved, std::vector<std::string>{"llama"});
}

}  // namespace
}  // namespace plumb::reports
