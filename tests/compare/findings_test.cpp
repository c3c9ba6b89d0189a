// All findings together: the verdict, the rows of the taps, ties that are too many.
#include "compare/verdict/findings.h"

#include <gtest/gtest.h>

#include <cmath>

namespace plumb::verdict {
namespace {

using result::Gate;

const trace::Tap kLogits{trace::TapId::kLogits, -1};

PromptFindings clean(double ratio = 0.9) {
  PromptFindings findings;
  TapFigures& figures = findings.taps[kLogits];
  figures.metrics.max_abs = 1e-5;
  figures.global.add(ratio, 1e-6, 100);
  figures.local.add(ratio, 1e-6, 100);
  figures.global_margin = {"tensor", ratio, 1.35};
  return findings;
}

TEST(Findings, AreAPassWhereNothingWasFound) {
  Result result;
  Findings findings(result);
  findings.add(clean());
  findings.settle(std::nullopt);
  EXPECT_EQ(findings.verdict(), Verdict::kPassed);
  EXPECT_TRUE(result.reasons.empty());
  EXPECT_FALSE(result.oracle.has_value());
}

TEST(Findings, OfADoubtAreInconclusiveAndOfAFailureFailed) {
  Result result;
  Findings findings(result);
  findings.add(clean());
  findings.doubt({Gate::kRecording, "logits", "p0: no logits were recorded"});
  EXPECT_EQ(findings.verdict(), Verdict::kInconclusive);
  findings.fail({Gate::kState, "logits", "p0: another state"});
  EXPECT_EQ(findings.verdict(), Verdict::kFailed);
  findings.doubt({Gate::kPower, "", "nothing could be seen"});
  EXPECT_EQ(findings.verdict(), Verdict::kFailed) << "a doubt takes nothing back";
  ASSERT_EQ(result.reasons.size(), 3U);
  EXPECT_EQ(result.reasons.front().gate, Gate::kRecording);
}

TEST(Findings, OfAPromptThatFailsAreAFailure) {
  Result result;
  Findings findings(result);
  PromptFindings prompt = clean();
  prompt.failures.push_back({Gate::kGlobal, "logits", "p0: too far"});
  prompt.first_divergence = {.tap = "logits"};
  findings.add(prompt);
  PromptFindings other = clean();
  other.first_divergence = {.tap = "embed"};
  findings.add(other);
  EXPECT_EQ(findings.verdict(), Verdict::kFailed);
  EXPECT_EQ(result.first_divergence->tap, "logits") << "the first prompt's stands";
}

TEST(Findings, KeepOfEachTapTheNearestMarginAndPoolItsRatios) {
  Result result;
  Findings findings(result);
  findings.add(clean(0.6));
  findings.add(clean(1.2));
  findings.settle(std::nullopt);
  ASSERT_EQ(result.taps.size(), 1U);
  EXPECT_EQ(result.taps.front().global.value, 1.2);
  EXPECT_EQ(result.taps.front().global.limit, 1.35);
  EXPECT_TRUE(result.taps.front().local.statistic.empty()) << "no gate asked";
  EXPECT_NEAR(result.drift.floor_ratio, std::sqrt((0.36 + 1.44) / 2.0), 1e-12);
}

// Ten positions of which the precision turns each once in a hundred: one tie may be, eight may not.
TEST(Findings, FailWhereTiesAreTooMany) {
  for (const int others : {1, 8}) {
    Result result;
    Findings findings(result);
    PromptFindings prompt = clean();
    prompt.flip_odds.assign(10, 0.01);
    prompt.tokens.compared = 10;
    prompt.tokens.exact = 10 - others;
    findings.count(prompt);
    findings.add(prompt);
    findings.settle(std::nullopt);
    EXPECT_EQ(findings.verdict(), others == 1 ? Verdict::kPassed : Verdict::kFailed) << others;
    EXPECT_NEAR(result.tokens.expected_ties, 0.1, 1e-12);
    if (others == 8) {
      EXPECT_EQ(result.reasons.front().gate, Gate::kTokens);
    }
  }
}

}  // namespace
}  // namespace plumb::verdict
