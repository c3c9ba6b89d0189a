// Right engines pass, whatever their roundings fall like.
#include <gtest/gtest.h>

#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using result::Verdict;

class CleanRuns : public ::testing::TestWithParam<const char*> {};

TEST_P(CleanRuns, PassUnderTheirContract) {
  Bench bench(GetParam());
  for (const char* contract : {"float32", "bfloat16", "float16"}) {
    for (const char* taps : {"all", "coarse", "logits"}) {
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        const Result result = bench.judge({.contract = contract, .taps = taps, .seed = seed});
        EXPECT_EQ(result.verdict, Verdict::kPassed)
            << contract << " " << taps << " seed " << seed << ": " << reasons_of(result);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, CleanRuns,
                         ::testing::Values("llama-gqa", "gemma2-caps", "mixtral-top2",
                                           "mixtral-window", "qwen3-tied"));

// A better engine than its contract demands is none the worse.
TEST(Clean, AFloat32EnginePassesAsABfloat16One) {
  Bench bench("llama-gqa");
  const Result result = bench.judge({.contract = "float32", .judged_by = "bfloat16"});
  EXPECT_EQ(result.verdict, Verdict::kPassed) << reasons_of(result);
}

TEST(Clean, ABfloat16EngineFailsAsAFloat32One) {
  Bench bench("llama-gqa");
  const Result result = bench.judge({.contract = "bfloat16", .judged_by = "float32"});
  EXPECT_EQ(result.verdict, Verdict::kFailed);
}

}  // namespace
}  // namespace plumb::compare::testing
