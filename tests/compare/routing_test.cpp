// Choices of experts: ties may fall either way, and nothing else may.
#include "compare/routing.h"

#include <gtest/gtest.h>

#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

// An engine that keeps its stream in float32 takes the other side of many ties.
TEST(Routing, LetsTiesFallEitherWay) {
  Bench bench("gpt_oss-plain");
  int judged_under_own_choice = 0;
  for (const char* taps : {"coarse", "logits"}) {
    for (uint64_t seed = 1; seed <= 8; ++seed) {
      const Result result = bench.judge(
          {.contract = "float32-bf16-matmul", .taps = taps, .seed = seed, .judged_by = "bfloat16"});
      EXPECT_EQ(result.verdict, Verdict::kPassed)
          << taps << " seed " << seed << ": " << reasons_of(result);
      judged_under_own_choice += !result.notes.empty();
    }
  }
  EXPECT_GT(judged_under_own_choice, 0) << "no run had a tie: the test shows nothing";
}

TEST(Routing, SeesAnExpertTooFew) {
  Bench bench("mixtral-top2");
  for (const char* taps : {"all", "coarse", "logits"}) {
    Fault fault = bench.fault("router_normalize", "layer 1");
    const Result result = bench.judge({.contract = "bfloat16", .taps = taps, .fault = &fault});
    EXPECT_EQ(result.verdict, Verdict::kFailed) << taps;
  }
}

class OneRouter : public ::testing::Test {
 protected:
  OneRouter() : bench_("mixtral-top2"), routing_(bench_.reference()) {}

  Bench bench_;
  Routing routing_;
  std::vector<double> logits_ = {3.0, 2.0, 1.99, 0.0, -1.0, -2.0};
};

TEST_F(OneRouter, TakesTheBestAsExact) {
  const double chosen[] = {0, 1};
  EXPECT_EQ(routing_.judge(0, logits_, 1e-6, chosen), Routing::Verdict::kExact);
}

TEST_F(OneRouter, TakesTheNextForATieWithinNoise) {
  const double chosen[] = {0, 2};
  EXPECT_EQ(routing_.judge(0, logits_, 0.01, chosen), Routing::Verdict::kTie);
  EXPECT_EQ(routing_.judge(0, logits_, 1e-4, chosen), Routing::Verdict::kWrong);
}

TEST_F(OneRouter, NeverTakesOneExpertTwice) {
  const double chosen[] = {0, 0};
  EXPECT_EQ(routing_.judge(0, logits_, 10.0, chosen), Routing::Verdict::kWrong);
}

TEST_F(OneRouter, KnowsWhatTiesAllow) {
  const auto ties = routing_.ties(0, logits_, 0.01);
  ASSERT_EQ(ties.size(), 2u);
  EXPECT_EQ(ties[0].ids, (std::vector<double>{0, 1}));
  EXPECT_EQ(ties[1].ids, (std::vector<double>{0, 2}));
  EXPECT_NEAR(ties[1].margin, 0.01, 1e-12);
  EXPECT_EQ(routing_.ties(0, logits_, 1e-4).size(), 1u);
}

}  // namespace
}  // namespace plumb::compare::testing
