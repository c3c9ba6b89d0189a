// Roundings that real engines make: findings under plain float32, allowed under their contract.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using library::applicable_faults;
using library::FaultClass;
using result::Diagnosis;
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

// Contracts that are more than one rounding: found, from logits alone and from taps.
struct Row {
  const char* contract;
  const char* model;
  const char* taps;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.contract << " " << row.taps;
}

class Rows : public ::testing::TestWithParam<Row> {};

TEST_P(Rows, AreFoundWhereTheyAreKept) {
  Bench bench(GetParam().model);
  const Result result = bench.judge({.contract = GetParam().contract,
                                     .taps = GetParam().taps,
                                     .judged_by = "float32",
                                     .finds_contract = true});
  EXPECT_NE(result.verdict, Verdict::kFailed) << reasons_of(result);
  EXPECT_EQ(result.candidate.contract, GetParam().contract) << reasons_of(result);
}

INSTANTIATE_TEST_SUITE_P(Engines, Rows,
                         ::testing::Values(Row{"float32-f16-qkv", "qwen3-gqa", "logits"},
                                           Row{"float32-f16-attention", "qwen3-gqa", "coarse"},
                                           Row{"mistralrs", "qwen3-gqa", "logits"},
                                           Row{"mistralrs", "qwen3-gqa", "coarse"},
                                           Row{"float32-fp8-kv", "llama-gqa", "logits"},
                                           Row{"float32-tf32", "llama-gqa", "coarse"},
                                           Row{"llama.cpp-f32-kv", "gemma3-nested", "coarse"},
                                           Row{"bfloat16", "llama-gqa", "logits"}));

// A mistake on top of another contract's roundings: both are told, the mistake first.
TEST(Mistake, IsFoundBesideAContract) {
  for (const char* taps : {"logits", "coarse"}) {
    Bench bench("llama-gqa");
    const Fault fault = bench.fault("output_scale", "lm_head");
    const Result result = bench.judge(
        {.contract = "bfloat16", .taps = taps, .fault = &fault, .judged_by = "float32"});
    ASSERT_EQ(result.verdict, Verdict::kFailed);
    ASSERT_EQ(result.diagnosis->size(), 2U) << reasons_of(result);
    EXPECT_EQ(result.diagnosis->front().cause, "output_scale");
    EXPECT_EQ(result.diagnosis->back().cause, "contract:bfloat16");
    EXPECT_EQ(result.first_divergence->tap, "logits");
  }
}

bool names_a_contract(const Result& result) {
  return result.diagnosis && std::ranges::any_of(*result.diagnosis, [](const Diagnosis& cause) {
           return cause.cause.starts_with("contract:");
         });
}

// An engine whose roundings are a contract's, that declares nothing but its dtype.
TEST_P(Roundings, AreFoundToBeTheirContracts) {
  Bench bench("llama-gqa");
  const Result result = bench.judge({.contract = GetParam().contract,
                                     .taps = GetParam().taps,
                                     .judged_by = "float32",
                                     .finds_contract = true});
  EXPECT_EQ(result.verdict, Verdict::kPassed) << reasons_of(result);
  EXPECT_EQ(result.candidate.contract, GetParam().contract);
}

TEST_P(Roundings, AreSaidToPassUnderTheirContract) {
  Bench bench("llama-gqa");
  const Result result = bench.judge(
      {.contract = GetParam().contract, .taps = GetParam().taps, .judged_by = "float32"});
  EXPECT_EQ(result.verdict, Verdict::kFailed);
  ASSERT_TRUE(names_a_contract(result)) << reasons_of(result);
  EXPECT_EQ(result.diagnosis->back().cause, std::string("contract:") + GetParam().contract);
}

struct Mistake {
  const char* model;
  const char* taps;
};

std::ostream& operator<<(std::ostream& out, const Mistake& mistake) {
  return out << mistake.model << " " << mistake.taps;
}

class Mistakes : public ::testing::TestWithParam<Mistake> {};

// A contract with wide noise is no excuse: every mistake stays one, whatever its size.
TEST_P(Mistakes, AreNotExcusedByAnyContract) {
  constexpr size_t kEvery = 29;
  Bench bench(GetParam().model);
  bench.keep_shortest_prompt();
  const std::vector<Fault> faults = applicable_faults(bench.graph());
  for (size_t i = 0; i < faults.size(); i += kEvery) {
    if (faults[i].row->severity == FaultClass::kRounding) continue;
    const Result result = bench.judge({.taps = GetParam().taps,
                                       .fault = &faults[i],
                                       .judged_by = "float32",
                                       .finds_contract = true});
    if (result.verdict != Verdict::kFailed) {
      EXPECT_TRUE(result.candidate.contract == "float32" || result.candidate.contract == "float64")
          << faults[i].says() << " is excused: " << reasons_of(result);
    }
    EXPECT_FALSE(names_a_contract(result)) << faults[i].says();
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Mistakes,
                         ::testing::Values(Mistake{"qwen3-gqa", "logits"},
                                           Mistake{"qwen3-gqa", "coarse"},
                                           Mistake{"gemma3-nested", "logits"}));

}  // namespace
}  // namespace plumb::compare::testing
