// Log-probabilities instead of logits: judged by a floor of their own, with the same verdicts and
// names.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/errors.h"
#include "tests/compare/bench.h"
#include "tests/support/refusal.h"

namespace plumb::compare::testing {
namespace {

using result::Verdict;
using tests::LogprobOptions;
using trace::Logprobs;

struct Kind {
  const char* model;
  const char* contract;
  size_t tokens;
  double step = 0.0;
};

std::ostream& operator<<(std::ostream& out, const Kind& kind) {
  return out << kind.model << "/" << kind.contract << "/" << kind.tokens << "/" << kind.step;
}

class Kinds : public ::testing::TestWithParam<Kind> {};

TEST_P(Kinds, OfARightEngineDoNotFail) {
  Bench bench(GetParam().model);
  for (const uint64_t seed : {1, 2, 3}) {
    const LogprobOptions listed{.tokens = GetParam().tokens, .step = GetParam().step};
    const Result result = bench.judge(
        {.contract = GetParam().contract, .taps = "logits", .seed = seed, .logprobs = listed});
    EXPECT_NE(result.verdict, Verdict::kFailed) << reasons_of(result);
    ASSERT_FALSE(result.taps.empty());
    EXPECT_EQ(result.taps.back().tap, "logprobs");
    // As loud as the logits of the same run, whatever that is: a rope's table is rounded once for
    // all positions, so that one run may be two floors from the truth and right.
    const Result whole =
        bench.judge({.contract = GetParam().contract, .taps = "logits", .seed = seed});
    EXPECT_EQ(whole.verdict, result.verdict);
    const bool all = GetParam().tokens == 0 && GetParam().step == 0.0;
    EXPECT_NEAR(result.taps.back().floor_ratio / whole.taps.back().floor_ratio, 1.0,
                all ? 0.02 : 0.2);
    EXPECT_EQ(result.tokens.flips, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Kinds,
    ::testing::Values(Kind{"llama-gqa", "float32", 0}, Kind{"llama-gqa", "float32", 20},
                      Kind{"llama-gqa", "float32", 5}, Kind{"llama-gqa", "float32", 1},
                      Kind{"llama-gqa", "bfloat16", 0}, Kind{"llama-gqa", "bfloat16", 20},
                      Kind{"llama-gqa", "float32", 20, 1e-4}, Kind{"llama-gqa", "float32", 1, 1e-2},
                      Kind{"gemma2-caps", "float32", 0}, Kind{"gemma2-caps", "bfloat16", 20},
                      Kind{"mixtral-top2", "float32", 20}));

TEST(Logprobs, NameTheSameMistakes) {
  Bench bench("llama-gqa");
  bench.keep_shortest_prompt();
  int planted = 0;
  for (const Fault& fault : library::applicable_faults(bench.graph())) {
    if (fault.row->severity != library::FaultClass::kStructural || fault.layer != 1) continue;
    if (planted++ % 4 != 0) continue;
    const Result whole = bench.judge({.taps = "logits", .fault = &fault});
    if (whole.verdict != Verdict::kFailed) continue;
    for (const size_t tokens : {0, 20}) {
      const Result listed = bench.judge(
          {.taps = "logits", .fault = &fault, .logprobs = LogprobOptions{.tokens = tokens}});
      ASSERT_EQ(listed.verdict, Verdict::kFailed) << fault.says() << ", of " << tokens;
      ASSERT_TRUE(listed.first_divergence);
      EXPECT_EQ(listed.first_divergence->tap, "logprobs");
      if (whole.diagnosis->empty()) continue;
      ASSERT_FALSE(listed.diagnosis->empty()) << fault.says() << reasons_of(listed);
      EXPECT_EQ(listed.diagnosis->front().says, whole.diagnosis->front().says);
    }
  }
  EXPECT_GT(planted, 8);
}

// A right engine whose listing somebody touches.
class Touched : public trace::Source {
 public:
  using Touch = std::function<void(Logprobs&)>;
  Touched(const reference::Reference& reference, size_t tokens, Touch touch)
      : engine_(reference, {.contract = graph::find_contract("float32"),
                            .taps = "logits",
                            .lists_logprobs = true,
                            .logprobs = {.tokens = tokens}}),
        touch_(std::move(touch)) {}

  const trace::Producer& producer() const override { return engine_.producer(); }
  std::vector<trace::Prompt> prompts() const override { return {}; }
  std::unique_ptr<trace::Recording> record(const trace::Prompt& prompt,
                                           const trace::TapFilter& filter, int steps) override {
    auto logprobs = *trace::logprobs_of(*engine_.record(prompt, filter, steps));
    touch_(logprobs);
    auto recording = std::make_unique<trace::MemoryLogprobs>();
    recording->put(std::move(logprobs));
    return recording;
  }

 private:
  tests::EmulatedEngine engine_;
  Touch touch_;
};

class Touches : public ::testing::Test {
 protected:
  Result judge(size_t tokens, Touched::Touch touch) {
    Touched candidate(bench_.reference(), tokens, std::move(touch));
    return bench_.judge(candidate, "float32");
  }
  std::string refused(Touched::Touch touch) {
    return tests::refusal([&] { judge(20, std::move(touch)); });
  }
  Bench bench_{"llama-gqa"};
};

// Everything at place [row, column].
double& id_at(Logprobs& l, size_t row, size_t column) {
  return l.ids->values[row * l.ids->width() + column];
}
double& value_at(Logprobs& l, size_t row, size_t column) {
  return l.values->values[row * l.values->width() + column];
}

TEST_F(Touches, ThatLeaveOutATokenFlip) {
  const Result result = judge(20, [](Logprobs& l) { id_at(l, 3, 1) = -1.0; });
  EXPECT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_EQ(result.tokens.flips, 2) << "one of each prompt";
  EXPECT_NE(reasons_of(result).find("position 3: token"), std::string::npos) << reasons_of(result);
  EXPECT_NE(reasons_of(result).find("is not listed"), std::string::npos);
  EXPECT_EQ(result.reasons.front().tap, "logprobs");
}

TEST_F(Touches, ThatGiveNoPositionAreJudgedByTheOthers) {
  const Result result = judge(20, [](Logprobs& l) {
    for (size_t j = 0; j < 20; ++j) id_at(l, 2, j) = id_at(l, 5, j) = -1.0;
  });
  EXPECT_NE(result.verdict, Verdict::kFailed) << reasons_of(result);
  const Result wrong = judge(20, [](Logprobs& l) {
    for (size_t j = 0; j < 20; ++j) id_at(l, 2, j) = -1.0;
    value_at(l, 6, 4) -= 0.01;
  });
  ASSERT_EQ(wrong.verdict, Verdict::kFailed);
  EXPECT_NE(wrong.first_divergence->where.find("position 6"), std::string::npos)
      << wrong.first_divergence->where;
  const Result nothing = judge(20, [](Logprobs& l) { std::ranges::fill(l.ids->values, -1.0); });
  EXPECT_EQ(nothing.verdict, Verdict::kInconclusive) << reasons_of(nothing);
}

TEST_F(Touches, OfTheOrderChangeNothing) {
  const Result before = judge(20, [](Logprobs&) {});
  const Result after = judge(20, [](Logprobs& l) {
    for (size_t t = 0; t < l.ids->rows(); ++t) {
      std::swap(id_at(l, t, 0), id_at(l, t, 7));
      std::swap(value_at(l, t, 0), value_at(l, t, 7));
    }
  });
  EXPECT_EQ(before.taps.back().floor_ratio, after.taps.back().floor_ratio);
}

// The forward is right, and what was made of it is told.
TEST_F(Touches, OfTheFormAreRecordings) {
  const auto told = [&](size_t tokens, Touched::Touch touch) {
    const Result result = judge(tokens, std::move(touch));
    EXPECT_EQ(result.verdict, Verdict::kFailed) << reasons_of(result);
    if (result.reasons.empty() || !result.diagnosis || result.diagnosis->empty())
      return std::string();
    EXPECT_EQ(result.reasons.front().gate, result::Gate::kRecording);
    EXPECT_EQ(result.reasons.front().tap, "logprobs");
    return result.diagnosis->front().cause;
  };
  // A softmax over more than the vocabulary: each position is off by one number.
  const auto lowered = [](Logprobs& l) {
    for (double& v : l.values->values) v -= 1e-3;
  };
  EXPECT_EQ(told(0, lowered), "recording:not_normalised");
  const auto binary = [](Logprobs& l) {
    for (double& v : l.values->values) v = static_cast<float>(v / std::log(2.0));
  };
  EXPECT_EQ(told(0, binary), "recording:log_base");
  EXPECT_EQ(told(20, binary), "recording:log_base");
  const auto over_listed = [](Logprobs& l) {
    for (size_t t = 0; t < l.values->rows(); ++t) {
      const double total = measure::log_sum_exp(l.values->row(t));
      for (size_t j = 0; j < l.values->width(); ++j) {
        value_at(l, t, j) = static_cast<float>(value_at(l, t, j) - total);
      }
    }
  };
  EXPECT_EQ(told(20, over_listed), "recording:normalised_over_listed");
  // Of a part of the tokens the others may be to blame.
  EXPECT_EQ(told(20, lowered).find("recording"), std::string::npos);
}

TEST_F(Touches, ThatAreNoNumbersFail) {
  for (const double number : {std::nan(""), -HUGE_VAL}) {
    const Result result = judge(20, [&](Logprobs& l) { value_at(l, 1, 2) = number; });
    EXPECT_EQ(result.verdict, Verdict::kFailed);
    EXPECT_EQ(result.reasons.front().gate, result::Gate::kProof);
  }
}

// Engines give minus infinity, or the lowest float, where a softmax in float32 underflows.
TEST(Logprobs, ThatFloat32DoesNotHoldAreNoFault) {
  auto one = tests::read_case("granite-bias-tied");
  one.config["logits_scaling"] = 0.005;
  Bench bench(one.config, one.seed);
  size_t lost = 0;
  const auto underflow = [&](Logprobs& l) {
    for (double& v : l.values->values) {
      lost += v < -87.0;
      if (v < -87.0) v = lost % 2 == 0 ? -HUGE_VAL : std::numeric_limits<float>::lowest();
    }
  };
  Touched candidate(bench.reference(), 0, underflow);
  const Result result = bench.judge(candidate, "float32");
  EXPECT_NE(result.verdict, Verdict::kFailed) << reasons_of(result);
  EXPECT_GT(lost, 1U);
}

// Few numbers tell of their print as well: a right engine's prompt of one token, printed.
TEST(Logprobs, OfOneTokenTellTheirStep) {
  Bench bench("llama-gqa");
  bench.take_prompt_of(1);
  for (const double step : {1e-1, 1e-2, 1e-3}) {
    const Result result =
        bench.judge({.taps = "logits", .logprobs = LogprobOptions{.tokens = 2, .step = step}});
    EXPECT_NE(result.verdict, Verdict::kFailed) << reasons_of(result);
  }
}

TEST_F(Touches, ThatMakeNoSenseAreRefused) {
  EXPECT_NE(refused([](Logprobs& l) { id_at(l, 1, 2) = 1e6; }).find("token 1000000 at"),
            std::string::npos);
  EXPECT_NE(refused([](Logprobs& l) { id_at(l, 1, 2) = -2.0; }).find("-2"), std::string::npos);
  EXPECT_NE(refused([](Logprobs& l) { id_at(l, 1, 2) = id_at(l, 1, 3); }).find("twice"),
            std::string::npos);
  EXPECT_NE(refused([](Logprobs& l) { value_at(l, 1, 2) = 0.5; }).find("0 at most"),
            std::string::npos);
  EXPECT_NE(refused([](Logprobs& l) { l.ids.reset(); }).find("without logprob_ids"),
            std::string::npos);
  EXPECT_NE(refused([](Logprobs& l) { l.values.reset(); }).find("without logprobs"),
            std::string::npos);
  EXPECT_NE(refused([](Logprobs& l) { l.ids->shape[0] -= 1; }).find("logprob_ids"),
            std::string::npos);
  EXPECT_NE(refused([](Logprobs& l) { l.step = 0.1; }).find("logprob_step"), std::string::npos);
}

}  // namespace
}  // namespace plumb::compare::testing
