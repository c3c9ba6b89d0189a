// What a 16-bit candidate does wrong within the limits of its noise is found all the same.
#include "compare/verdict/small_departures.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "compare/diagnose/bit_judge.h"
#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using result::Reason;
using result::Verdict;

bool has_gate(const Result& result, const std::string& gate) {
  return std::ranges::any_of(result.reasons,
                             [&](const Reason& reason) { return reason.gate == gate; });
}

std::string first_cause(const Result& result) {
  if (!result.diagnosis || result.diagnosis->empty()) return "none";
  return result.diagnosis->front().says;
}

struct Planted {
  const char* taps;
  const char* cause;
  const char* place;
  const char* gate;
  const char* tap;
};

class SmallDepartures : public ::testing::TestWithParam<Planted> {};

TEST_P(SmallDepartures, AreFoundAndNamed) {
  Bench bench("llama-gqa");
  const Fault fault = bench.fault(GetParam().cause, GetParam().place);
  const Result result =
      bench.judge({.contract = "bfloat16", .taps = GetParam().taps, .seed = 7, .fault = &fault});
  ASSERT_EQ(result.verdict, Verdict::kFailed) << fault.says();
  EXPECT_TRUE(has_gate(result, GetParam().gate)) << reasons_of(result);
  ASSERT_TRUE(result.first_divergence.has_value());
  EXPECT_EQ(result.first_divergence->tap, GetParam().tap);
  EXPECT_EQ(first_cause(result), fault.says());
}

constexpr Planted kPlanted[] = {
    {"coarse", "norm_bf16", "mixer_norm of layer 1", "bits", "layer.1.mixer_out"},
    {"coarse", "norm_bf16", "ffn_norm of every layer", "bits", "layer.0.ffn_out"},
    {"all", "norm_bf16", "final_norm", "bits", "final_norm"},
    {"logits", "weight_int8", "down_proj of every layer", "match", "logits"},
};

INSTANTIATE_TEST_SUITE_P(Faults, SmallDepartures, ::testing::ValuesIn(kPlanted));

}  // namespace
}  // namespace plumb::compare::testing
