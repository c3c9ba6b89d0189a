// Planted mistakes are found where they are, and called by their name or by none.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using library::Mutant;
using library::Mutation;
using result::Diagnosis;
using result::Verdict;

struct Planted {
  const char* model;
  const char* contract;
  const char* taps;
  const char* cause;
  const char* place;
};

std::ostream& operator<<(std::ostream& out, const Planted& p) {
  return out << p.model << " " << p.contract << " " << p.taps << " " << p.cause << " " << p.place;
}

class Diagnose : public ::testing::TestWithParam<Planted> {};

TEST_P(Diagnose, NamesThePlantedMistake) {
  Bench bench(GetParam().model);
  const Fault fault = bench.fault(GetParam().cause, GetParam().place);
  const Result result = bench.judge(
      {.contract = GetParam().contract, .taps = GetParam().taps, .seed = 7, .fault = &fault});
  ASSERT_EQ(result.verdict, Verdict::kFailed);
  ASSERT_TRUE(result.first_divergence.has_value());
  if (fault.layer) {
    EXPECT_EQ(result.first_divergence->layer, fault.layer);
  }
  ASSERT_TRUE(result.diagnosis.has_value());
  const bool named = std::any_of(
      result.diagnosis->begin(), result.diagnosis->end(), [&](const Diagnosis& diagnosis) {
        return diagnosis.cause == fault.cause() && diagnosis.says.starts_with(fault.place + " ");
      });
  EXPECT_TRUE(named) << reasons_of(result) << "; "
                     << (result.diagnosis->empty() ? "" : result.diagnosis->front().says);
}

constexpr Planted kPlanted[] = {
    {"llama-gqa", "float32", "all", "rope_interleaved", "layer 1"},
    {"llama-gqa", "float32", "coarse", "rope_interleaved", "layer 1"},
    {"llama-gqa", "float32", "logits", "rope_interleaved", "layer 1"},
    {"llama-gqa", "float32", "logits", "rope_interleaved", "every layer"},
    {"llama-gqa", "bfloat16", "coarse", "rope_interleaved", "layer 1"},
    {"llama-gqa", "bfloat16", "logits", "rope_interleaved", "every layer"},
    {"llama-gqa", "float32", "logits", "heads_tiled", "layer 0"},
    {"llama-gqa", "float32", "logits", "score_scale_missing", "layer 1"},
    {"llama-gqa", "float32", "coarse", "mask_next", "layer 0"},
    {"llama-gqa", "float32", "logits", "gate_up_swapped", "ffn_act of layer 1"},
    {"llama-gqa", "bfloat16", "logits", "gate_up_swapped", "ffn_act of every layer"},
    {"llama-gqa", "float32", "coarse", "norm_eps", "ffn_norm of layer 1"},
    {"llama-gqa", "float32", "logits", "norm_weight_missing", "final_norm"},
    {"gemma2-caps", "float32", "logits", "score_cap_missing", "layer 1"},
    {"gemma2-caps", "float32", "logits", "window_ignored", "layer 0"},
    {"gemma2-caps", "float32", "logits", "norm_offset_missing", "mixer_norm of every layer"},
    {"gemma2-caps", "bfloat16", "coarse", "activation_silu", "ffn_act of layer 1"},
    {"qwen2-plain", "float32", "logits", "bias_missing", "k_proj of every layer"},
    {"mixtral-top2", "float32", "logits", "router_normalize", "layer 1"},
    {"mixtral-top2", "bfloat16", "coarse", "router_normalize", "layer 1"},
};

INSTANTIATE_TEST_SUITE_P(Faults, Diagnose, ::testing::ValuesIn(kPlanted));

// A continuous parameter is estimated: 1.1 is none of the values that the library starts from.
TEST(DiagnoseParameter, IsFitted) {
  Bench bench("llama-gqa");
  Fault fault = bench.fault("score_scale", "layer 1");
  fault.parameter = 1.1;
  const Result result = bench.judge({.taps = "logits", .fault = &fault});
  ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty()) << reasons_of(result);
  // Keys that are too large give the same values, and come after it.
  EXPECT_EQ(result.diagnosis->front().says,
            "layer 1 scales the scores by 1.1 times what it should");
}

// From the library's values a fit does not find it: in a long prompt the angles are whole turns
// off.
TEST(DiagnoseParameter, OfARopeIsFittedOverLongPrompts) {
  Bench bench("llama-gqa");
  bench.take_prompt_of(200);
  Fault fault = bench.fault("rope_theta", "layer 1");
  fault.parameter = 10100.0;
  const Result result = bench.judge({.taps = "coarse", .fault = &fault});
  ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty()) << reasons_of(result);
  EXPECT_EQ(result.diagnosis->front().says, "layer 1 rotates with base 10100");
}

// A small eps is like queries and keys a trifle too small: that is no name for it.
TEST(DiagnoseParameter, OfAnEpsIsNoFactor) {
  Bench bench("olmo2-gqa");
  for (const double eps : {2e-6, 5e-6}) {
    Fault fault = bench.fault("qk_norm_eps", "layer 1");
    fault.parameter = eps;
    const Result result = bench.judge({.taps = "coarse", .fault = &fault});
    ASSERT_EQ(result.verdict, Verdict::kFailed);
    ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty()) << reasons_of(result);
    for (const Diagnosis& cause : *result.diagnosis) {
      EXPECT_TRUE(cause.cause == "qk_norm_eps" || cause.cause == "norm_eps") << cause.says;
    }
    const Result without =
        bench.judge({.taps = "coarse",
                     .fault = &fault,
                     .unknown_causes = {"qk_norm_eps", "norm_eps", "norms_eps"}});
    EXPECT_TRUE(without.diagnosis->empty()) << without.diagnosis->front().says;
  }
}

// Of causes that give the same values, what anybody gets wrong comes before what only some
// checkpoints invite: behind a norm of the branch, a cache's scale is that of the scores.
TEST(DiagnoseParameter, OfTheScoresComesBeforeThatOfACache) {
  Bench bench("gemma3-pattern");
  Fault fault = bench.fault("score_scale", "layer 0");
  fault.parameter = 1.25;
  const Result result = bench.judge({.taps = "coarse", .fault = &fault});
  ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty()) << reasons_of(result);
  EXPECT_EQ(result.diagnosis->front().says,
            "layer 0 scales the scores by 1.25 times what it should");
}

// Two mistakes, neither of which goes most of the way alone, are given no wrong name.
TEST(DiagnoseTwo, HaveNoWrongNameWhereNeitherIsClear) {
  Bench bench("llama-gqa");
  Fault both = bench.fault("rope_interleaved", "layer 1");
  both.with = {bench.fault("gate_up_swapped", "ffn_act of layer 0")};
  const Result result = bench.judge({.taps = "logits", .fault = &both});
  ASSERT_EQ(result.verdict, Verdict::kFailed);
  for (const Diagnosis& cause : *result.diagnosis) {
    EXPECT_TRUE(cause.says == both.says() || cause.says == both.with.front().says()) << cause.says;
  }
}

// Where one goes most of the way, both are named from the logits alone, parameters fitted.
TEST(DiagnoseTwo, AreNamedWherePairCloses) {
  Bench bench("llama-gqa");
  Fault both = bench.fault("rope_interleaved", "layer 0");
  both.with = {bench.fault("score_scale", "layer 1")};
  both.with.front().parameter = 1.1;
  const Result result = bench.judge({.taps = "logits", .fault = &both});
  ASSERT_TRUE(result.diagnosis.has_value());
  ASSERT_EQ(result.diagnosis->size(), 2u) << reasons_of(result);
  EXPECT_EQ(result.diagnosis->front().says, both.says());
  EXPECT_EQ(result.diagnosis->back().says, both.with.front().says());
  EXPECT_NE(reasons_of(result).find("two mistakes at once"), std::string::npos);
}

// A pair of which the library knows one alone is none.
TEST(DiagnoseTwo, AreNotNamedForOneThatIsNotKnown) {
  Bench bench("llama-gqa");
  Fault both = bench.fault("rope_interleaved", "layer 0");
  both.with = {bench.fault("score_scale", "layer 1")};
  both.with.front().parameter = 1.1;
  const Result result = bench.judge(
      {.taps = "logits", .fault = &both, .unknown_causes = {"score_scale", "output_scale"}});
  ASSERT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_TRUE(result.diagnosis->empty()) << result.diagnosis->front().says;
}

// With taps, the first is named and taken as given, and the second is found where it departs.
TEST(DiagnoseTwo, AreNamedEachAtItsTaps) {
  Bench bench("llama-gqa");
  Fault both = bench.fault("rope_missing", "layer 0");
  both.with = {bench.fault("gate_up_swapped", "ffn_act of layer 1")};
  for (const char* taps : {"all", "coarse"}) {
    const Result result = bench.judge({.taps = taps, .fault = &both});
    ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty()) << reasons_of(result);
    EXPECT_EQ(result.diagnosis->front().says, both.says());
    const bool second = std::ranges::any_of(*result.diagnosis, [&](const Diagnosis& cause) {
      return cause.says == both.with.front().says();
    });
    EXPECT_TRUE(second) << reasons_of(result);
    EXPECT_NE(reasons_of(result).find("2 mistakes, each at taps of its own"), std::string::npos)
        << reasons_of(result);
  }
}

// A mistake that hardly shows in the other layers is found to be in all of them, or in one.
TEST(DiagnoseWidth, IsTold) {
  Bench bench("llama-gqa");
  for (const char* place : {"mixer_norm of layer 0", "mixer_norm of every layer"}) {
    Fault fault = bench.fault("norm_eps", place);
    fault.parameter = 1e-12;
    const Result result = bench.judge({.taps = "coarse", .fault = &fault});
    ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty()) << reasons_of(result);
    EXPECT_TRUE(std::ranges::all_of(*result.diagnosis, [&](const Diagnosis& cause) {
      return cause.says.starts_with(place);
    })) << result.diagnosis->front().says;
  }
}

// Without its row in the library a mistake has no name.
TEST(DiagnoseUnknown, GivesNoWrongName) {
  Bench bench("llama-gqa");
  const Fault fault = bench.fault("rope_interleaved", "layer 1");
  for (const char* taps : {"all", "coarse", "logits"}) {
    const Result result = bench.judge(
        {.taps = taps,
         .fault = &fault,
         .unknown_causes = {"rope_interleaved", "rotary_rows_to_pairs", "rotary_rows_to_halves"}});
    ASSERT_EQ(result.verdict, Verdict::kFailed);
    EXPECT_TRUE(result.diagnosis->empty()) << result.diagnosis->front().says;
  }
}

// A mistake in one head is found in that head, and one from a position on from there on.
TEST(DiagnosePart, IsNamedWithItsPart) {
  Bench bench("llama-gqa");
  const Fault whole = bench.fault("rope_missing_on_queries", "layer 1");
  const std::vector<Fault> heads = confine_to_heads(bench.graph(), whole);
  ASSERT_EQ(heads.size(), 4u);
  const auto late = confine(bench.graph(), whole, {{.first_position = 12}, "from position 12 on"});
  ASSERT_TRUE(late.has_value());
  for (const Fault& fault : {heads[2], *late}) {
    for (const char* taps : {"all", "coarse", "logits"}) {
      const Result result = bench.judge({.taps = taps, .fault = &fault});
      ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty()) << reasons_of(result);
      EXPECT_EQ(result.diagnosis->front().says, fault.says()) << taps;
    }
  }
}

TEST(DiagnoseWeight, IsNamedWithItsPlace) {
  Bench bench("llama-gqa");
  Mutation mutation(bench.graph());
  mutation.edit({1, "v_proj.weight"}, [](const model::WeightView& stored, size_t first,
                                         size_t count, std::span<double> out) {
    stored.widen(first, count, out);
    if (first <= 3 && 3 < first + count) out[(3 - first) * stored.columns() + 5] += 0.5;
  });
  const Mutant mutant(bench.reference(), mutation);
  tests::EmulatedEngine engine(mutant.reference(),
                               {.contract = graph::find_contract("float32"), .taps = "all"});
  const Result result = bench.judge(engine, "float32");
  ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty()) << reasons_of(result);
  EXPECT_EQ(result.diagnosis->front().says,
            "v_proj of layer 1 has one wrong weight: [3, 5] is 0.5 off");
}

}  // namespace
}  // namespace plumb::compare::testing
