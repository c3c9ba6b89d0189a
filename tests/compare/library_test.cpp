// Every row of the library makes a mistake of some model of the catalogue.
#include <gtest/gtest.h>

#include <set>

#include "compare/library/fault.h"
#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using evidence::kLogits;
using evidence::replay;
using library::all_fault_rows;
using library::applicable_faults;
using library::FaultClass;
using library::FaultRow;
using library::Mutant;
using library::Mutation;
using model::WeightId;
using result::Diagnosis;
using result::Verdict;

reference::Matrix run(const reference::Reference& reference, const trace::Prompt& prompt,
                      const reference::Deviations& deviations) {
  return replay(reference, prompt.tokens, {kLogits}, {nullptr, nullptr, &deviations}).at(kLogits);
}

// The causes that change the logits of the bench's first prompt, but those known to do so.
void add_causes(const Bench& bench, std::set<std::string>& causes) {
  const trace::Prompt& prompt = bench.prompts().front();
  const reference::Matrix right = run(bench.reference(), prompt, {});
  for (const Fault& fault : applicable_faults(bench.graph())) {
    if (fault.row->severity == FaultClass::kRounding || causes.contains(fault.cause())) continue;
    const Mutant mutant(bench.reference(), fault.mutate(bench.graph()));
    if (run(mutant.reference(), prompt, mutant.deviations()) != right) causes.insert(fault.cause());
  }
}

base::Json with(const char* name, const std::vector<std::pair<const char*, int>>& keys) {
  base::Json config = tests::read_case(name).config;
  for (const auto& [key, value] : keys) config[key] = value;
  return config;
}

TEST(Library, HasNoRowThatChangesNothing) {
  std::set<std::string> causes;
  for (const char* name : {"llama-gqa",
                           "llama-llama3",
                           "gemma2-caps",
                           "gemma3-linear",
                           "gpt_oss-yarn",
                           "deepseek_v3-groups",
                           "qwen3_5_text-default",
                           "phi3-longrope",
                           "nemotron-half",
                           "smollm3-nope",
                           "ministral3-yarn",
                           "olmoe-gqa",
                           "qwen2_moe-shared",
                           "qwen3_next-packed",
                           "granite-multipliers",
                           "solar_open-groups",
                           "starcoder2-window",
                           "stablelm-qk-norm",
                           "olmo2-gqa",
                           "llama-dynamic",
                           "hunyuan-bias",
                           "rlformers-all",
                           "rlformers-residual-gate",
                           "qwen3-bias-window",
                           "cohere2-pattern",
                           "apertus-defaults",
                           "olmoe-clip",
                           "gpt_oss-types",
                           "baichuan-m1-tied",
                           "gemma3-pattern",
                           "exaone4-hybrid",
                           "ministral-types",
                           "olmo3-nested",
                           "glm4_moe-groups",
                           "glm4_moe_lite-default",
                           "xglm-plain",
                           "opt-plain",
                           "falcon-alibi",
                           "mpt-heads",
                           "bloom-normed",
                           "beam-bias",
                           "lfm2-bias",
                           "deepseek_v2-groups",
                           "dbrx-clip",
                           "dbrx-plain"}) {
    add_causes(Bench(name), causes);
  }
  Bench deep(with("llama-gqa", {{"num_hidden_layers", 12}}), 3);
  add_causes(deep, causes);
  Bench square(with("mixtral-top2", {{"hidden_size", 48}, {"intermediate_size", 48}}), 3);
  add_causes(square, causes);
  for (const char* name : {"llama-gqa", "phi3-longrope"}) {
    Bench bench(name);
    bench.take_prompt_of(300);
    add_causes(bench, causes);
  }
  Bench brief("phi3-longrope");
  brief.take_prompt_of(5);
  add_causes(brief, causes);
  for (const auto rows : all_fault_rows()) {
    for (const FaultRow& row : rows) {
      if (row.severity == FaultClass::kRounding) continue;
      if (row.cause == "weight_bf16") continue;  // synthetic weights are stored in that type
      if (row.cause == "router_groups_zeroed") continue;  // by itself, below
      EXPECT_TRUE(causes.contains(std::string(row.cause))) << row.cause;
    }
  }
}

// Experts of closed groups that count as 0 are chosen where all corrected scores are below it.
TEST(Library, ZeroesClosedGroups) {
  const Bench bench("deepseek_v3-groups");
  const Fault fault = bench.fault("router_groups_zeroed", "layer 1");
  const auto correct_by = [&](Mutation mutation, double by) {
    for (const WeightId& id : bench.graph().ops[fault.ops.front()].weights) {
      mutation.edit(id, [by](const model::WeightView& stored, size_t first, size_t count,
                             std::span<double> out) {
        stored.widen(first, count, out);
        for (double& v : out) v += by;
      });
    }
    const Mutant mutant(bench.reference(), mutation);
    return run(mutant.reference(), bench.prompts().front(), mutant.deviations());
  };
  EXPECT_EQ(correct_by(fault.mutate(bench.graph()), 10.0),
            correct_by(Mutation(bench.graph()), 10.0));
  EXPECT_NE(correct_by(fault.mutate(bench.graph()), -10.0),
            correct_by(Mutation(bench.graph()), -10.0));
}

// A variant made in an engine is called by its name, or by that of another that gives the same.
struct Planted {
  const char* model;
  const char* taps;
  const char* cause;
  const char* place;
  std::vector<std::string> same = {};  // other causes that give the same values
};

class Variant : public ::testing::TestWithParam<Planted> {};

TEST_P(Variant, IsNamed) {
  Bench bench(GetParam().model);
  const Fault fault = bench.fault(GetParam().cause, GetParam().place);
  const Result result = bench.judge({.taps = GetParam().taps, .seed = 5, .fault = &fault});
  ASSERT_EQ(result.verdict, Verdict::kFailed);
  ASSERT_TRUE(result.diagnosis.has_value());
  const bool named = std::ranges::any_of(*result.diagnosis, [&](const Diagnosis& diagnosis) {
    return diagnosis.cause == fault.cause() && diagnosis.says.starts_with(fault.place + " ");
  });
  EXPECT_TRUE(named) << reasons_of(result) << "; "
                     << (result.diagnosis->empty() ? "" : result.diagnosis->front().says);
}

// The same without its row: no other name is accepted for it.
TEST_P(Variant, HasNoWrongName) {
  Bench bench(GetParam().model);
  const Fault fault = bench.fault(GetParam().cause, GetParam().place);
  std::vector<std::string> unknown = GetParam().same;
  unknown.push_back(GetParam().cause);
  const Result result =
      bench.judge({.taps = GetParam().taps, .seed = 5, .fault = &fault, .unknown_causes = unknown});
  ASSERT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_TRUE(result.diagnosis->empty()) << result.diagnosis->front().says;
}

const Planted kPlanted[] = {
    {"llama-gqa", "coarse", "rows_to_pairs", "k_proj of every layer"},
    {"qwen3_5_text-default", "coarse", "query_gate_cut_in_blocks", "layer 1"},
    {"deepseek_v3-groups", "coarse", "experts_in_text_order", "layer 1"},
    {"qwen3-gqa", "logits", "qk_norm_eps", "every layer", {"norm_eps", "norms_eps"}},
    {"smollm3-nope", "coarse", "rope_anyway", "every layer"},
    {"llama-gqa", "logits", "rope_position_factor", "every layer"},
    {"gpt_oss-yarn", "coarse", "sinks_counted", "layer 0"},
    {"gpt_oss-yarn", "coarse", "expert_bias_unweighted", "layer 1"},
    {"deepseek_v3-groups", "logits", "router_scaling", "layer 1", {"outputs_scale"}},
    {"qwen3_5_text-default", "coarse", "delta_length_rms", "layer 0"},
    {"phi3-plain", "logits", "gate_up_cut_in_turns", "every layer"},
    {"gemma2-caps",
     "coarse",
     "layer_kinds_exchanged",
     "layer 0",
     {"window_ignored", "layer_pattern"}},
};

std::ostream& operator<<(std::ostream& out, const Planted& p) {
  return out << p.model << " " << p.taps << " " << p.cause << " " << p.place;
}

INSTANTIATE_TEST_SUITE_P(Rows, Variant, ::testing::ValuesIn(kPlanted));

}  // namespace
}  // namespace plumb::compare::testing
