// Contracts as data: rows that hang together, and files that are read strictly.
#include "graph/contract.h"

#include <gtest/gtest.h>

#include <set>

#include "base/files.h"
#include "graph/contract_file.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"

namespace plumb::graph {
namespace {

using base::DType;
using base::Precision;
using tests::refusal;

constexpr const char* kWhole = R"({"schema": "plumbline.contract/1", "name": "mine",
  "meaning": "float32, keys in float16 in short calls", "storage": "float32",
  "compute": "float32", "accumulate": "float32", "exceptions": [
    {"op": "attention", "step": "key", "to": "float16", "below_queries": 64},
    {"op": "attention", "step": "output_sum", "to": "float16", "in_order": true},
    {"op": "linear", "step": "input", "to": "weight"},
    {"op": "rms_norm", "step": "weight", "to": "bfloat16", "where": {"unit_offset": true}},
    {"op": "gated_activation", "step": "activated", "to": "float16", "from_table": true,
     "where": {"activation": "gelu_tanh"}}]})";

class ContractFile : public ::testing::Test {
 protected:
  Contract read(const std::string& text) {
    tests::write_text(file_, text);
    return read_contract(file_);
  }
  std::string refused(const std::string& from, const std::string& to) {
    std::string text = kWhole;
    text.replace(text.find(from), from.size(), to);
    return refusal([&] { read(text); });
  }

  base::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "contract.json";
};

TEST(Contracts, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Contract& contract : contracts()) {
    EXPECT_TRUE(names.insert(contract.name).second) << contract.name;
    EXPECT_FALSE(contract.meaning.empty()) << contract.name;
    EXPECT_EQ(find_contract(contract.name), &contract);
  }
  for (const char* name :
       {"float64", "float32", "bfloat16", "float16", "float32-f16-kv", "float32-bf16-state",
        "float32-bf16-matmul", "llama.cpp", "llama.cpp-f32-kv"}) {
    EXPECT_NE(find_contract(name), nullptr) << name;
  }
  EXPECT_EQ(contracts_by_strictness().front()->name, "float64");
  EXPECT_EQ(default_contract(DType::kBF16).name, "bfloat16");
}

// A misspelt op or step would silently round nothing.
TEST(Contracts, RoundSomething) {
  for (const Contract& contract : contracts()) {
    for (const ContractException& exception : contract.exceptions) {
      const std::string text =
          R"({"schema": "plumbline.contract/1", "name": "x", "meaning": "x", "storage": "float32",
              "compute": "float32", "accumulate": "float32", "exceptions": [{"op": ")" +
          exception.op + R"(", "step": ")" + exception.step + R"(", "to": "float16"}]})";
      const base::TemporaryFolder folder;
      tests::write_text(folder.path() / "one.json", text);
      EXPECT_EQ(refusal([&] { read_contract(folder.path() / "one.json"); }), "") << contract.name;
    }
  }
}

TEST_F(ContractFile, HasTheFieldsOfARow) {
  const Contract contract = read(kWhole);
  EXPECT_EQ(contract.name, "mine");
  ASSERT_EQ(contract.exceptions.size(), 5U);
  const OpKind attention = Attention{};
  const auto rule = [&](const OpKind& kind, int step, size_t queries,
                        std::optional<DType> weights = std::nullopt) {
    std::optional<model::Storage> storage;
    if (weights) storage = model::Storage{.plain = *weights};
    return rounding(contract, kind, step, {queries, storage});
  };
  EXPECT_EQ(rule(attention, Attention::kKey, 63).to, Precision::kF16);
  EXPECT_EQ(rule(attention, Attention::kKey, 64).to, std::nullopt);
  EXPECT_TRUE(rule(attention, Attention::kOutputSum, 1).in_order);
  EXPECT_EQ(rule(Linear{}, Linear::kInput, 1, DType::kBF16).to, Precision::kBF16);
  EXPECT_EQ(rule(Linear{}, Linear::kInput, 1, DType::kF32).to, std::nullopt);
  EXPECT_EQ(rule(RmsNorm{.unit_offset = true}, RmsNorm::kWeight, 1).to, Precision::kBF16);
  EXPECT_EQ(rule(RmsNorm{}, RmsNorm::kWeight, 1).to, std::nullopt);
  const GatedActivation gelu{.activation = model::Activation::kGeluTanh};
  EXPECT_TRUE(rule(gelu, GatedActivation::kActivated, 1).from_table);
  EXPECT_EQ(rule(GatedActivation{}, GatedActivation::kActivated, 1).to, Precision::kF32);
}

TEST_F(ContractFile, IsReadStrictly) {
  EXPECT_NE(refused("plumbline.contract/1", "plumbline.contract/2").find("schema: is"),
            std::string::npos);
  EXPECT_NE(refused("\"meaning\"", "\"means\"").find("means: is unknown"), std::string::npos);
  EXPECT_NE(refused("\"storage\": \"float32\"", "\"storage\": \"int8\"").find("storage: is"),
            std::string::npos);
  EXPECT_NE(refused("\"key\"", "\"keys\"").find("exceptions[0].step: is 'keys', which is no step"),
            std::string::npos);
  EXPECT_NE(refused("\"op\": \"attention\"", "\"op\": \"atention\"").find("which is no op"),
            std::string::npos);
  EXPECT_NE(refused("\"to\": \"float16\"", "\"to\": \"float17\"").find("exceptions[0].to: is"),
            std::string::npos);
  EXPECT_NE(refused("\"below_queries\": 64", "\"below_queries\": -1").find("below_queries: is -1"),
            std::string::npos);
  EXPECT_NE(refused("\"unit_offset\"", "\"offset\"").find("is no attribute of rms_norm"),
            std::string::npos);
  EXPECT_NE(refused("\"step\": \"output_sum\"", "\"step\": \"score_sum\"").find("in_order"),
            std::string::npos);
  EXPECT_NE(refused("{\"schema\"", "[\"schema\"").find("contract.json"), std::string::npos);
  EXPECT_NE(refusal([&] { read_contract(folder_.path() / "none.json"); }), "");
}

}  // namespace
}  // namespace plumb::graph
