// Choices: exact, a tie that the precision cannot tell apart, or wrong; and how many ties are too
// many.
#include "compare/measure/tokens.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "compare/measure/gates.h"

namespace plumb::measure {
namespace {

Matrix logits(std::initializer_list<double> row) {
  Matrix m = reference::make_matrix(1, row.size());
  std::copy(row.begin(), row.end(), m.begin());
  return m;
}

Floor floor_of(double row) {
  return {.rms = row, .rows = {row}, .columns = {}};
}

TEST(BestToken, IsTheFirstAmongEqualsAndNeverNan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(best_token(std::vector{1.0, 3.0, 3.0, 2.0}), 1);
  EXPECT_EQ(best_token(std::vector{nan, 1.0, nan, 2.0}), 3);
  EXPECT_EQ(best_token(std::vector{-5.0}), 0);
}

TEST(JudgeToken, ATieEndsAtFourDeviationsOfADifference) {
  const double end = kTieDeviations * std::numbers::sqrt2 * 0.125;
  const Floor floor = floor_of(0.125);
  EXPECT_EQ(judge_token(logits({4.0, 4.0 - end}), floor, 0, 1).verdict,
            TokenVerdict::kCertifiedTie);
  const TokenJudgement beyond =
      judge_token(logits({4.0, std::nextafter(4.0 - end, 0.0)}), floor, 0, 1);
  EXPECT_EQ(beyond.verdict, TokenVerdict::kFlip);
  EXPECT_EQ(beyond.best, 0);
  EXPECT_NEAR(beyond.regret, end, 1e-12);
  EXPECT_DOUBLE_EQ(beyond.allowed, end);
}

TEST(JudgeToken, TheBestIsExactWhateverTheFloor) {
  EXPECT_EQ(judge_token(logits({1.0, 2.0}), floor_of(0.0), 0, 1).verdict, TokenVerdict::kExact);
  EXPECT_EQ(judge_token(logits({2.0, 2.0}), floor_of(0.0), 0, 1).verdict,
            TokenVerdict::kCertifiedTie);
}

TEST(JudgeToken, ATokenThatDoesNotExistIsAFlip) {
  for (const int64_t token : {int64_t{-1}, int64_t{2}, std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(judge_token(logits({1.0, 2.0}), floor_of(1e9), 0, token).verdict,
              TokenVerdict::kFlip);
  }
}

// Half at no margin; of a margin of one deviation of the difference, the normal tail beyond one.
TEST(FlipProbability, IsTheNormalTailBeyondTheMargin) {
  const double deviation = std::numbers::sqrt2 * 0.5;
  EXPECT_DOUBLE_EQ(flip_probability(logits({1.0, 1.0, 0.0}), floor_of(0.5), 0), 0.5);
  EXPECT_NEAR(flip_probability(logits({1.0, 1.0 - deviation}), floor_of(0.5), 0), 0.158655, 1e-6);
  EXPECT_NEAR(flip_probability(logits({1.0 - 2 * deviation, 1.0}), floor_of(0.5), 0), 0.022750,
              1e-6);
  EXPECT_EQ(flip_probability(logits({2.0, 1.0}), floor_of(0.0), 0), 0.0);
  EXPECT_EQ(flip_probability(logits({1.0, 1.0}), floor_of(0.0), 0), 0.5);
}

TEST(TailProbability, IsThatOfAllOutcomesCounted) {
  const std::vector<double> p = {0.1, 0.5, 0.25, 0.9};
  for (int count = 0; count <= 5; ++count) {
    double expected = 0.0;
    for (unsigned outcome = 0; outcome < 16; ++outcome) {
      double probability = 1.0;
      for (size_t i = 0; i < 4; ++i) probability *= outcome >> i & 1 ? p[i] : 1.0 - p[i];
      if (std::popcount(outcome) >= count) expected += probability;
    }
    EXPECT_NEAR(tail_probability(p, count), expected, 1e-15) << count;
  }
}

}  // namespace
}  // namespace plumb::measure
