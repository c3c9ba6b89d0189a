// Choices of experts: ties may fall either way, and nothing else may.
#include "compare/evidence/routing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "reference/ops/route.h"
#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using evidence::Routing;
using result::Verdict;

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

// Groups open and close as a whole, by their two best experts: noise on an expert that is not
// chosen may open the group of one that is, or of none and so close another.
class Groups : public ::testing::TestWithParam<const char*> {};

TEST_P(Groups, TieWhereNoiseMakesThemDo) {
  Bench bench(GetParam());
  const Routing routing(bench.reference());
  const auto op = std::ranges::find_if(bench.graph().ops, [](const graph::Op& candidate) {
    return std::holds_alternative<graph::Route>(candidate.kind);
  });
  ASSERT_NE(op, bench.graph().ops.end());
  const model::RouterSpec& router = std::get<graph::Route>(op->kind).router;
  ASSERT_GT(router.num_groups, 1);
  const auto correction = bench.reference().weights().at(op->weights.front()).values();
  constexpr double kSigma = 0.1;
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  int others = 0;
  for (int draw = 0; draw < 2000; ++draw) {
    std::vector<double> logits(correction.size());
    for (double& logit : logits) logit = 2.0 * normal(random);
    std::vector<double> noisy = logits;
    for (double& logit : noisy) logit += kSigma * std::clamp(normal(random), -2.5, 2.5);
    const auto chosen = reference::choose_experts(router, noisy, correction);
    std::vector<double> ids(chosen.begin(), chosen.end());
    std::ranges::sort(ids);
    const auto verdict = routing.judge(op->layer, logits, kSigma, ids);
    EXPECT_NE(verdict, Routing::Verdict::kWrong) << "draw " << draw;
    others += verdict == Routing::Verdict::kTie;
  }
  EXPECT_GT(others, 50) << "hardly any draw was a tie: the test shows nothing";
}

INSTANTIATE_TEST_SUITE_P(Cases, Groups,
                         ::testing::Values("deepseek_v3-groups", "glm4_moe_lite-types"));

}  // namespace
}  // namespace plumb::compare::testing
