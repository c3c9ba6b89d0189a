// Engines with arithmetic of their own pass, whatever the model's shape and the prompt.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "candidates/candidate.h"
#include "fixtures/presets.h"
#include "tests/compare/bench.h"
#include "tests/compare/damaged.h"

namespace plumb::compare::testing {
namespace {

using result::Verdict;
using trace::Tap;
using trace::TapId;
using trace::Tensor;

base::Json tiny(const char* family, int64_t hidden_size) {
  base::Json config = fixtures::preset_config(family, "tiny");
  config["hidden_size"] = hidden_size;
  return config;
}

Result judge_float32(Bench& bench) {
  const base::Threads threads(1);
  const auto engine =
      candidates::make_engine("cpu-f32", bench.graph(), bench.reference().weights(), threads);
  return bench.judge(*engine, "float32");
}

// A tied head makes a token's own logit many times louder than all others, and so is its error.
TEST(Engines, PassWhereTheHeadIsTiedToAScaledEmbedding) {
  for (const uint64_t seed : {3, 4}) {
    Bench bench(tiny("gemma", 256), seed);
    const Result result = judge_float32(bench);
    EXPECT_EQ(result.verdict, Verdict::kPassed) << seed << ": " << reasons_of(result);
  }
}

// What is touched by itself stands out there all the same.
TEST(Engines, AreNotExcusedByLoudLogits) {
  Bench bench(tiny("gemma", 256), 3);
  bench.keep_shortest_prompt();
  Damaged candidate(bench.reference(), "logits", [](const Tap&, Tensor& logits) {
    const size_t first = 6 * logits.width();
    const auto own =
        std::max_element(logits.values.begin() + static_cast<int64_t>(first),
                         logits.values.begin() + static_cast<int64_t>(first + logits.width()));
    *(own - 1) += 1e-4;
  });
  const Result result = bench.judge(candidate, "float32");
  EXPECT_EQ(result.verdict, Verdict::kFailed) << reasons_of(result);
}

// An engine makes the same errors of the same token: no channel's errors average out.
TEST(Engines, PassWhereOneTokenRepeats) {
  for (const char* family : {"llama", "qwen3_5_text", "deepseek_v3"}) {
    Bench bench(tiny(family, 48), 3);
    bench.repeat_one_token(40);
    const Result result = judge_float32(bench);
    EXPECT_NE(result.verdict, Verdict::kFailed) << family << ": " << reasons_of(result);
  }
}

// torch's and numpy's: x - max, exp, their sum and the quotient, each rounded to float32.
std::vector<float> softmax(std::span<const double> logits) {
  std::vector<float> p(logits.begin(), logits.end());
  const float most = *std::max_element(p.begin(), p.end());
  float sum = 0.0F;
  for (float& v : p) sum += v = std::exp(v - most);
  for (float& v : p) v /= sum;
  return p;
}

// olmoe's weights are those of a softmax over all experts.
TEST(Engines, PassWithTheWeightsOfAnyFloat32Softmax) {
  Bench bench("olmoe-clip");
  Tensor logits;
  Tensor ids;
  Damaged candidate(bench.reference(), "all", [&](const Tap& tap, Tensor& tensor) {
    if (tap.id == TapId::kRouterLogits) logits = tensor;
    if (tap.id == TapId::kRouterIds) ids = tensor;
    if (tap.id != TapId::kRouterWeights) return;
    for (size_t t = 0; t < tensor.rows(); ++t) {
      const std::vector<float> p = softmax(logits.row(t));
      for (size_t i = 0; i < tensor.width(); ++i) {
        const size_t at = t * tensor.width() + i;
        tensor.values[at] = p[static_cast<size_t>(ids.values[at])];
      }
    }
  });
  const Result result = bench.judge(candidate, "float32");
  EXPECT_NE(result.verdict, Verdict::kFailed) << reasons_of(result);
}

}  // namespace
}  // namespace plumb::compare::testing
