// Engines on quantised weights: operands rounded to the blocks that go with each stored type.
#include <gtest/gtest.h>

#include "fixtures/catalogue.h"
#include "fixtures/gguf/write.h"
#include "fixtures/presets.h"
#include "graph/builder.h"
#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using base::Json;
using result::Verdict;

// A GGUF of a small model, loaded as the commands do.
class Quantised {
 public:
  Quantised(const std::string& family, const std::string& format)
      : file_(write(family, format)),
        checkpoint_(file_),
        config_(model::read_config(checkpoint_)),
        graph_(graph::build(config_.spec)),
        weights_(checkpoint_, graph_.weights, config_.names),
        reference_(graph_, weights_, threads_) {}

  const reference::Reference& reference() const { return reference_; }
  const graph::Graph& graph() const { return graph_; }
  // The same with one row of a weight a little larger.
  model::Weights with_row(const model::WeightId& id, size_t row, double factor) const {
    return weights_.with(id, [row, factor](const model::WeightView& stored, size_t first,
                                           size_t count, std::span<double> out) {
      stored.widen(first, count, out);
      if (row < first || row >= first + count) return;
      for (double& v : out.subspan((row - first) * stored.columns(), stored.columns())) v *= factor;
    });
  }

  // An engine on `reference` of `contract`, judged on the file under `judged_by`.
  Result judge(const reference::Reference& engines, const std::string& contract,
               const std::string& judged_by, const std::string& taps) const {
    tests::EmulatedEngine engine(
        engines, {.contract = graph::find_contract(contract), .seed = 3, .taps = taps});
    Judge judge(reference_, nullptr);
    return judge.judge({.case_name = "case",
                        .family = "family",
                        .candidate = &engine,
                        .candidate_name = "candidate",
                        .prompts = {{.name = "p0", .tokens = {3, 14, 15, 92, 65, 35, 89, 79, 32}}},
                        .contract = graph::find_contract(judged_by)});
  }

 private:
  std::filesystem::path write(const std::string& family, const std::string& format) {
    Json config = fixtures::preset_config(family, "tiny-quantized");
    config["num_hidden_layers"] = 1;
    config["hidden_size"] = 256;
    config["intermediate_size"] = 256;
    if (config.contains("moe_intermediate_size")) config["moe_intermediate_size"] = 256;
    const tests::SyntheticModel model(config, 4);
    const std::filesystem::path file = folder_.path() / "m.gguf";
    fixtures::write_gguf(model.config.spec, model.weights, format, file);
    return file;
  }

  base::TemporaryFolder folder_;
  base::Threads threads_{1};
  std::filesystem::path file_;
  model::Checkpoint checkpoint_;
  model::ModelConfig config_;
  graph::Graph graph_;
  model::Weights weights_;
  reference::Reference reference_;
};

class StoredTypes : public ::testing::TestWithParam<const char*> {};

// Plain float32 is a finding where the product is rounded, and none of the type's own.
TEST_P(StoredTypes, AreHeldToTheirOperands) {
  const Quantised model("llama", GetParam());
  const Result own = model.judge(model.reference(), "llama.cpp", "llama.cpp", "all");
  EXPECT_EQ(own.verdict, Verdict::kPassed) << reasons_of(own);
  const Result plain =
      model.judge(model.reference(), "llama.cpp-f32-kv", "float32", "layer.0.q,logits");
  EXPECT_EQ(plain.verdict, Verdict::kFailed);
}

INSTANTIATE_TEST_SUITE_P(Types, StoredTypes,
                         ::testing::Values("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K",
                                           "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4",
                                           "NVFP4", "TQ1_0", "TQ2_0", "Q1_0", "Q2_0", "F16", "BF16",
                                           "Q4_K_M"));

// Experts of one file are of several types; routers are float32.
TEST(QuantisedProducts, OfExpertsEachHaveTheirOwnOperand) {
  const Quantised model("qwen3_moe", "Q4_K_M");
  const Result result = model.judge(model.reference(), "llama.cpp", "llama.cpp", "all");
  EXPECT_EQ(result.verdict, Verdict::kPassed) << reasons_of(result);
}

// Far below the floor, and seen on the engine's own operand.
TEST(QuantisedProducts, ARowThatIsALittleOffIsNamed) {
  const Quantised model("llama", "Q8_0");
  const model::Weights damaged = model.with_row({0, "up_proj.weight"}, 17, 1.005);
  const base::Threads threads(1);
  const reference::Reference engine(model.graph(), damaged, threads);
  const Result result = model.judge(engine, "llama.cpp", "llama.cpp", "all");
  ASSERT_EQ(result.verdict, Verdict::kFailed);
  ASSERT_TRUE(result.diagnosis && result.diagnosis->size() == 1) << reasons_of(result);
  EXPECT_EQ(result.diagnosis->front().cause, "weight_row");
  EXPECT_EQ(result.diagnosis->front().layer, 0);
  EXPECT_NE(result.diagnosis->front().says.find("row 17"), std::string::npos);
}

}  // namespace
}  // namespace plumb::compare::testing
