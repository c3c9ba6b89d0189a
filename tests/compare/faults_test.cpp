// The library of faults: each row is well formed, applies somewhere, and changes the forward there.
#include <gtest/gtest.h>

#include <set>

#include "compare/library/fault.h"
#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using evidence::replay;
using library::activation_faults;
using library::applicable_faults;
using library::attention_faults;
using library::delta_faults;
using library::expert_faults;
using library::FaultClass;
using library::FaultRow;
using library::linear_faults;
using library::Mutant;
using library::Mutation;
using library::norm_faults;
using library::position_faults;
using library::rounding_faults;
using library::wiring_faults;

TEST(Faults, HaveOneRowACause) {
  std::set<std::string_view> causes;
  for (const auto rows :
       {position_faults(), attention_faults(), norm_faults(), linear_faults(), wiring_faults(),
        activation_faults(), expert_faults(), delta_faults(), rounding_faults()}) {
    for (const FaultRow& row : rows) {
      EXPECT_TRUE(causes.insert(row.cause).second) << row.cause;
      EXPECT_FALSE(row.fitted && row.values.empty()) << row.cause;
    }
  }
}

TEST(Faults, LeaveTheRightGraphAlone) {
  const Bench bench("gemma2-caps");
  const graph::Graph before = bench.graph();
  for (const Fault& fault : applicable_faults(bench.graph())) fault.mutate(bench.graph());
  ASSERT_EQ(before.ops.size(), bench.graph().ops.size());
  for (size_t i = 0; i < before.ops.size(); ++i) {
    EXPECT_EQ(before.ops[i].kind, bench.graph().ops[i].kind);
    EXPECT_EQ(before.ops[i].inputs, bench.graph().ops[i].inputs);
  }
}

TEST(Faults, SayWhereTheyAre) {
  const Bench bench("llama-gqa");
  EXPECT_EQ(bench.fault("rope_interleaved", "layer 1").says(),
            "layer 1 rotates interleaved pairs instead of halves");
  EXPECT_EQ(bench.fault("norm_missing", "final_norm").says(), "final_norm is left out");
  EXPECT_EQ(bench.fault("norm_missing", "ffn_norm of every layer").says(),
            "ffn_norm of every layer is left out");
  EXPECT_FALSE(bench.fault("norm_missing", "ffn_norm of every layer").layer.has_value());
}

// The logits of a prompt.
reference::Matrix run(const reference::Reference& reference, const trace::Prompt& prompt,
                      const reference::Deviations& deviations) {
  const std::vector<trace::Tap> taps = {{trace::TapId::kLogits, -1}};
  return replay(reference, prompt.tokens, taps, {nullptr, nullptr, &deviations}).at(taps.front());
}

class EveryFault : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryFault, ChangesTheLogits) {
  const Bench bench(GetParam());
  const trace::Prompt& prompt = bench.prompts().front();
  const reference::Matrix right = run(bench.reference(), prompt, {});
  for (const Fault& fault : applicable_faults(bench.graph())) {
    if (fault.row->severity == FaultClass::kRounding) continue;  // exact runs do not see them
    const Mutant mutant(bench.reference(), fault.mutate(bench.graph()));
    const reference::Matrix wrong = run(mutant.reference(), prompt, mutant.deviations());
    EXPECT_TRUE(wrong != right || fault.row->needs_length) << fault.says();
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, EveryFault,
                         ::testing::Values("llama-gqa", "llama-llama3", "gemma2-caps",
                                           "gemma3-pattern", "mixtral-top2", "qwen2-plain",
                                           "qwen3-bias-window"));

TEST(RotationOfOnePair, IsTheSameInterleavedAndWithAnyBase) {
  tests::Case one = tests::read_case("llama-gqa");
  one.config["head_dim"] = 2;
  const Bench bench(one.config, 3);
  for (const Fault& fault : applicable_faults(bench.graph())) {
    EXPECT_NE(fault.cause(), "rope_interleaved");
    EXPECT_NE(fault.cause(), "rope_theta");
  }
}

TEST(Restriction, ConfinesAFaultToAPart) {
  const Bench bench("llama-gqa");
  const trace::Prompt& prompt = bench.prompts().front();
  Mutation mutation = bench.fault("rope_missing", "layer 0").mutate(bench.graph());
  mutation.restrict({.first_position = 12});
  const Mutant mutant(bench.reference(), mutation);
  const reference::Matrix right = run(bench.reference(), prompt, {});
  const reference::Matrix wrong = run(mutant.reference(), prompt, mutant.deviations());
  for (size_t t = 0; t < right.shape(0); ++t) {
    const auto ours = reference::row(right, t);
    const auto theirs = reference::row(wrong, t);
    EXPECT_EQ(std::equal(ours.begin(), ours.end(), theirs.begin()), t < 12) << t;
  }
}

}  // namespace
}  // namespace plumb::compare::testing
