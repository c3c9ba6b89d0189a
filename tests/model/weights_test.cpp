#include "model/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/files.h"
#include "fixtures/presets.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/model.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using tests::bf16_tensor;
using tests::BuiltTensor;

BuiltTensor f32_tensor(const std::string& name, const std::vector<int64_t>& shape,
                       const std::vector<float>& values) {
  BuiltTensor tensor{.name = name, .dtype = "F32", .shape = shape, .bytes = {}};
  tensor.bytes.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return tensor;
}

class WeightsTest : public testing::Test {
 protected:
  const Checkpoint& store(const std::vector<BuiltTensor>& tensors) {
    tests::write_text(folder_.path() / "config.json", "{}");
    tests::write_text(folder_.path() / "model.safetensors", tests::build_safetensors(tensors));
    checkpoint_ = std::make_unique<Checkpoint>(folder_.path());
    return *checkpoint_;
  }
  std::string refusal_of(const std::vector<BuiltTensor>& tensors,
                         const std::vector<WeightDeclaration>& declared, const NameTable& names) {
    return tests::refusal([&] { Weights(store(tensors), declared, names); });
  }

  base::TemporaryFolder folder_;
  std::unique_ptr<Checkpoint> checkpoint_;
};

const std::vector<WeightDeclaration> kQkv = {
    {{0, "q.weight"}, {4, 2}}, {{0, "k.weight"}, {2, 2}}, {{0, "v.weight"}, {2, 2}}};

TEST_F(WeightsTest, ReadsPlainTensorsInRows) {
  NameTable names;
  names.name("w", "w").name("b", "b");
  const Weights weights(
      store({bf16_tensor("w.weight", {3, 2}, 10), f32_tensor("b.weight", {2}, {.1F, .2F})}),
      {{{-1, "w.weight"}, {3, 2}}, {{-1, "b.weight"}, {2}}}, names);
  const WeightView& w = weights.at({-1, "w.weight"});
  EXPECT_EQ(w.rows(), 3U);
  EXPECT_EQ(w.columns(), 2U);
  EXPECT_EQ(w.dtype(), base::DType::kBF16);
  EXPECT_EQ(w.values(), (std::vector<double>{10, 11, 12, 13, 14, 15}));
  std::vector<double> row(2);
  w.widen(1, 1, row);
  EXPECT_EQ(row, (std::vector<double>{12, 13}));
  std::vector<float> narrow(2);
  w.to_float(2, 1, narrow);
  EXPECT_EQ(narrow, (std::vector<float>{14, 15}));
  ASSERT_NE(w.contiguous(), nullptr);
  const uint16_t first = base::bf16_from_double(10.0);
  EXPECT_EQ(std::memcmp(w.contiguous(), &first, sizeof(first)), 0);
  const WeightView& b = weights.at({-1, "b.weight"});
  EXPECT_EQ(b.rows(), 1U);
  EXPECT_EQ(b.values(), (std::vector<double>{static_cast<double>(.1F), static_cast<double>(.2F)}));
  EXPECT_EQ(weights.uses().size(), 2U);
}

TEST_F(WeightsTest, ReadsPackedTensors) {
  NameTable stacked;
  stacked.pack("qkv", {"q", "k", "v"});
  const Weights rows(store({bf16_tensor("qkv.weight", {8, 2}, 0)}), kQkv, stacked);
  EXPECT_EQ(rows.at({0, "q.weight"}).values(), (std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(rows.at({0, "v.weight"}).values(), (std::vector<double>{12, 13, 14, 15}));
  EXPECT_NE(rows.at({0, "k.weight"}).contiguous(), nullptr);

  NameTable grouped;  // per group: two rows of q, one of k, one of v
  grouped.pack("qkv", {"q", "k", "v"}, 2);
  const Weights groups(store({bf16_tensor("qkv.weight", {8, 2}, 0)}), kQkv, grouped);
  EXPECT_EQ(groups.at({0, "q.weight"}).values(), (std::vector<double>{0, 1, 2, 3, 8, 9, 10, 11}));
  EXPECT_EQ(groups.at({0, "k.weight"}).values(), (std::vector<double>{4, 5, 12, 13}));
  EXPECT_EQ(groups.at({0, "v.weight"}).values(), (std::vector<double>{6, 7, 14, 15}));
  EXPECT_EQ(groups.at({0, "q.weight"}).contiguous(), nullptr);
  std::vector<double> across(4);
  groups.at({0, "q.weight"}).widen(1, 2, across);
  EXPECT_EQ(across, (std::vector<double>{2, 3, 8, 9}));
}

TEST_F(WeightsTest, ReadsAStackOfExpertsOfSeveralDtypes) {
  NameTable names;
  names.name("up", "experts.{e}.up");
  const Weights weights(store({bf16_tensor("experts.0.up.weight", {2, 2}, 1),
                               f32_tensor("experts.1.up.weight", {2, 2}, {.1F, .2F, .3F, .4F})}),
                        {{{0, "up.weight"}, {2, 2, 2}}}, names);
  const WeightView& up = weights.at({0, "up.weight"});
  EXPECT_EQ(up.rows(), 4U);
  EXPECT_EQ(up.dtype(), base::DType::kF32);
  std::vector<double> middle(4);
  up.widen(1, 2, middle);
  EXPECT_EQ(middle,
            (std::vector<double>{3, 4, static_cast<double>(.1F), static_cast<double>(.2F)}));
  EXPECT_EQ(up.contiguous(), nullptr);
}

TEST_F(WeightsTest, RefusesMissingMisshapenAndUnusedTensors) {
  NameTable names;
  names.name("w", "w").ignore("*.inv_freq", "a buffer");
  const std::vector<WeightDeclaration> one = {{{-1, "w.weight"}, {3, 2}}};
  EXPECT_NE(refusal_of({}, one, names).find("w.weight: the tensor is missing"), std::string::npos);
  EXPECT_NE(
      refusal_of({bf16_tensor("w.weight", {2, 3})}, one, names).find("w.weight: has shape [2, 3]"),
      std::string::npos);
  EXPECT_NE(refusal_of({bf16_tensor("w.weight", {6})}, one, names).find("[6]"), std::string::npos);
  BuiltTensor integers = bf16_tensor("w.weight", {3, 2});
  integers.dtype = "I16";
  EXPECT_NE(refusal_of({integers}, one, names).find("dtype I16"), std::string::npos);
  const BuiltTensor w = bf16_tensor("w.weight", {3, 2});
  EXPECT_EQ(refusal_of({w, bf16_tensor("rope.inv_freq", {1})}, one, names), "");
  EXPECT_NE(refusal_of({w, bf16_tensor("w.bias", {3})}, one, names).find("w.bias"),
            std::string::npos);
}

TEST_F(WeightsTest, ListsTheFirstFewUnusedTensors) {
  NameTable names;
  std::vector<BuiltTensor> tensors;
  for (int i = 0; i < 9; ++i) tensors.push_back(bf16_tensor("extra." + std::to_string(i), {1}));
  const std::string line = refusal_of(tensors, {}, names);
  EXPECT_NE(line.find("extra.0, extra.1, extra.2, extra.3 and 5 more"), std::string::npos) << line;
}

TEST_F(WeightsTest, ReportsWhatBecameOfEveryTensor) {
  NameTable names;
  names.pack("kv", {"k", "v"}).ignore("*.inv_freq", "a buffer");
  const Weights weights(store({bf16_tensor("kv.weight", {2, 1}), bf16_tensor("a.inv_freq", {1})}),
                        {{{0, "k.weight"}, {1, 1}}, {{0, "v.weight"}, {1, 1}}}, names);
  ASSERT_EQ(weights.uses().size(), 2U);
  EXPECT_EQ(weights.uses()[0].weights,
            (std::vector<std::string>{"layers.0.k.weight", "layers.0.v.weight"}));
  EXPECT_EQ(weights.uses()[1].ignored_by, "*.inv_freq (a buffer)");
}

// A config of 4096 layers of 4096 experts: refused before fifty million tensors are laid out.
TEST_F(WeightsTest, RefusesAbsurdClaimsAtOnce) {
  NameTable names;
  names.name("up", "layers.{i}.experts.{e}.up");
  std::vector<WeightDeclaration> declared;
  for (int layer = 0; layer < 4096; ++layer)
    declared.push_back({{layer, "up.weight"}, {4096, 1, 1}});
  const std::string line =
      refusal_of({bf16_tensor("layers.0.experts.0.up.weight", {1, 1})}, declared, names);
  EXPECT_NE(line.find("layers.0.experts.4095.up.weight: the tensor is missing"), std::string::npos);
}

// One element that is not finite, anywhere, is found; of several tensors the first by name.
TEST_F(WeightsTest, FindsOneElementThatIsNotFinite) {
  NameTable names;
  names.name("a", "a").name("b", "b");
  const std::vector<WeightDeclaration> declared = {{{-1, "a.weight"}, {5, 7}},
                                                   {{-1, "b.weight"}, {5, 7}}};
  const BuiltTensor a = bf16_tensor("a.weight", {5, 7});
  const BuiltTensor b = bf16_tensor("b.weight", {5, 7});
  for (const int threads : {1, 3}) {
    const auto damage = [&](std::vector<BuiltTensor> tensors) {
      const Weights weights(store(tensors), declared, names);
      return tests::refusal([&] { weights.check_finite(base::Threads(threads)); });
    };
    EXPECT_EQ(damage({a, b}), "");
    BuiltTensor damaged = b;
    damaged.bytes.replace(34 * 2, 2, "\x80\x7f");  // infinity, in the last place
    EXPECT_NE(damage({a, damaged}).find("b.weight: holds NaN or infinity"), std::string::npos);
    BuiltTensor both = a;
    both.bytes.replace(0, 2, "\xc0\x7f");  // NaN
    EXPECT_NE(damage({damaged, both}).find("a.weight: "), std::string::npos);
  }
}

// Tied by the config: the head of the file is ignored where it equals the embedding, and used where
// it does not.
TEST(TiedHead, IsWhatTheFileHolds) {
  base::Json config = fixtures::preset_config("llama", "tiny");
  config["tie_word_embeddings"] = true;
  const tests::SyntheticModel tied(config);
  EXPECT_TRUE(tied.config.spec.tie_word_embeddings);
  const std::filesystem::path folder = tied.folder.path();
  std::vector<BuiltTensor> tensors = tests::take_apart(folder / "model.safetensors");
  const auto embed = std::find_if(tensors.begin(), tensors.end(), [](const BuiltTensor& t) {
    return t.name == "model.embed_tokens.weight";
  });
  BuiltTensor head = *embed;
  head.name = "lm_head.weight";
  const auto load = [&](const BuiltTensor& with) {
    std::vector<BuiltTensor> all = tensors;
    all.push_back(with);
    tests::write_text(folder / "model.safetensors", tests::build_safetensors(all));
    return read_config(Checkpoint(folder));
  };
  const ModelConfig equal = load(head);
  EXPECT_TRUE(equal.spec.tie_word_embeddings);
  EXPECT_EQ(equal.names.ignored().back().pattern, "lm_head.weight");
  head.bytes[0] ^= 1;
  EXPECT_FALSE(load(head).spec.tie_word_embeddings);
}

// Every family finds its own tensors, each once, and misses any one that is taken out.
TEST(EveryFamily, UsesEveryTensorOnce) {
  for (const Family* family : families()) {
    SCOPED_TRACE(family->model_type);
    const tests::SyntheticModel model(fixtures::preset_config(family->model_type, "tiny"));
    const auto& uses = model.weights.uses();
    EXPECT_EQ(uses.size(), model.checkpoint.tensors().size());
    size_t placed = 0;
    for (const auto& use : uses) {
      EXPECT_TRUE(use.ignored_by.empty());
      placed += use.weights.size();
    }
    EXPECT_GE(placed, model.graph.weights.size());

    const std::filesystem::path file = model.folder.path() / "model.safetensors";
    const std::vector<BuiltTensor> tensors = tests::take_apart(file);
    for (size_t out = 0; out < tensors.size(); ++out) {
      std::vector<BuiltTensor> rest = tensors;
      rest.erase(rest.begin() + static_cast<ptrdiff_t>(out));
      tests::write_text(file, tests::build_safetensors(rest));
      const Checkpoint checkpoint(model.folder.path());
      const std::string line =
          tests::refusal([&] { Weights(checkpoint, model.graph.weights, model.config.names); });
      EXPECT_NE(line.find(tensors[out].name), std::string::npos) << line;
    }
  }
}

}  // namespace
}  // namespace plumb::model
