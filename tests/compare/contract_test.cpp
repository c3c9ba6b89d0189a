// Roundings that real engines make: findings under plain float32, allowed under their contract.
#include <gtest/gtest.h>

#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using result::Verdict;

struct Rounding {
  const char* contract;
  const char* cause;
  const char* taps;
};

std::ostream& operator<<(std::ostream& out, const Rounding& rounding) {
  return out << rounding.contract << " " << rounding.taps;
}

class Roundings : public ::testing::TestWithParam<Rounding> {};

TEST_P(Roundings, PassUnderTheirContract) {
  Bench bench("llama-gqa");
  const Result result = bench.judge({.contract = GetParam().contract, .taps = GetParam().taps});
  EXPECT_EQ(result.verdict, Verdict::kPassed) << reasons_of(result);
}

TEST_P(Roundings, AreNamedUnderPlainFloat32) {
  Bench bench("llama-gqa");
  const Result result = bench.judge(
      {.contract = GetParam().contract, .taps = GetParam().taps, .judged_by = "float32"});
  ASSERT_EQ(result.verdict, Verdict::kFailed);
  ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty()) << reasons_of(result);
  EXPECT_EQ(result.diagnosis->front().cause, GetParam().cause);
  EXPECT_FALSE(result.diagnosis->front().layer.has_value());
}

INSTANTIATE_TEST_SUITE_P(Engines, Roundings,
                         ::testing::Values(Rounding{"float32-f16-kv", "kv_f16", "all"},
                                           Rounding{"float32-f16-kv", "kv_f16", "coarse"},
                                           Rounding{"float32-f16-kv", "kv_f16", "logits"},
                                           Rounding{"float32-bf16-matmul", "matmul_inputs_bf16",
                                                    "logits"}));

}  // namespace
}  // namespace plumb::compare::testing
