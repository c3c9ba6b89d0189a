// The delta net's inputs in a file: packed by key head (Qwen3-Next), packed flat (older Qwen3.5
// files), or split. Only the model_type tells the packings apart: their shapes are the same.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "fixtures/presets.h"
#include "graph/builder.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/model.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;
using tests::BuiltTensor;

// Of the tiny presets.
constexpr int64_t kHidden = 48;
constexpr size_t kKeyHeads = 2;
constexpr size_t kKeyDim = 16;
constexpr size_t kValueDim = 32;  // of the two value heads of a key head
constexpr const char* kInputs = "model.layers.0.linear_attn.in_proj_";

struct Opened {
  explicit Opened(const std::filesystem::path& folder)
      : checkpoint(folder),
        config(read_config(checkpoint)),
        graph(graph::build(config.spec)),
        weights(checkpoint, graph.weights, config.names) {}

  Checkpoint checkpoint;
  ModelConfig config;
  graph::Graph graph;
  Weights weights;
};

// The tensors of a synthetic model, to be exchanged and stored under the same config.
class DeltaLayout : public testing::Test {
 protected:
  void start(const char* family) {
    Json config = fixtures::preset_config(family, "tiny");
    config["num_hidden_layers"] = 1;
    model_ = std::make_unique<tests::SyntheticModel>(config, 5);
    tensors_ = tests::take_apart(model_->folder.path() / "model.safetensors");
    tests::write_text(folder_.path() / "config.json", config.dump());
  }

  BuiltTensor take(const std::string& name) {
    const auto found = std::find_if(tensors_.begin(), tensors_.end(), [&](const BuiltTensor& t) {
      return t.name == kInputs + name + ".weight";
    });
    EXPECT_NE(found, tensors_.end()) << name;
    BuiltTensor tensor = *found;
    tensors_.erase(found);
    return tensor;
  }

  void add(const std::string& name, const std::string& bytes) {
    const int64_t rows = static_cast<int64_t>(bytes.size()) / (2 * kHidden);
    tensors_.push_back({kInputs + name + ".weight", "BF16", {rows, kHidden}, bytes});
  }

  void store() {
    tests::write_text(folder_.path() / "model.safetensors", tests::build_safetensors(tensors_));
  }

  // True where the stored file gives every weight the value that the synthetic model has.
  bool gives_the_same() {
    store();
    const Opened stored(folder_.path());
    return std::all_of(model_->graph.weights.begin(), model_->graph.weights.end(),
                       [&](const WeightDeclaration& weight) {
                         return stored.weights.at(weight.id).values() ==
                                model_->weights.at(weight.id).values();
                       });
  }

  base::TemporaryFolder folder_;
  std::unique_ptr<tests::SyntheticModel> model_;
  std::vector<BuiltTensor> tensors_;
};

std::string rows(const BuiltTensor& tensor, size_t first, size_t count) {
  constexpr size_t kRow = 2 * static_cast<size_t>(kHidden);
  return tensor.bytes.substr(first * kRow, count * kRow);
}

// [q | k | v] of all heads, and z, from [q k v z] of each key head.
std::pair<std::string, std::string> split(const BuiltTensor& packed) {
  constexpr size_t kHead = 2 * kKeyDim + 2 * kValueDim;
  constexpr size_t kParts[][2] = {{0, kKeyDim}, {kKeyDim, kKeyDim}, {2 * kKeyDim, kValueDim}};
  std::string qkv;
  for (const auto& [first, count] : kParts) {
    for (size_t h = 0; h < kKeyHeads; ++h) qkv += rows(packed, h * kHead + first, count);
  }
  std::string z;
  for (size_t h = 0; h < kKeyHeads; ++h) {
    z += rows(packed, h * kHead + 2 * kKeyDim + kValueDim, kValueDim);
  }
  return {qkv, z};
}

TEST_F(DeltaLayout, Qwen3NextLoadsPackedByHeadAndSplit) {
  start("qwen3_next");
  EXPECT_TRUE(gives_the_same());
  const auto [qkv, z] = split(take("qkvz"));
  add("qkv", qkv);
  add("z", z);
  EXPECT_TRUE(gives_the_same()) << "b and a still packed";
  const BuiltTensor ba = take("ba");  // per key head: two rows of b, two of a
  add("b", rows(ba, 0, 2) + rows(ba, 4, 2));
  add("a", rows(ba, 2, 2) + rows(ba, 6, 2));
  EXPECT_TRUE(gives_the_same());
}

TEST_F(DeltaLayout, Qwen35LoadsSplitAndPackedFlat) {
  start("qwen3_5_text");
  EXPECT_TRUE(gives_the_same());
  const std::string qkvz = take("qkv").bytes + take("z").bytes;
  const std::string ba = take("b").bytes + take("a").bytes;
  add("qkvz", qkvz);
  add("ba", ba);
  EXPECT_TRUE(gives_the_same());
}

TEST_F(DeltaLayout, TheModelTypeTellsThePackingsApart) {
  start("qwen3_next");
  const auto [qkv, z] = split(take("qkvz"));
  add("qkvz", qkv + z);
  EXPECT_FALSE(gives_the_same()) << "a flat packing is not Qwen3-Next's";
}

TEST_F(DeltaLayout, WrongShapesAreRefusedByName) {
  for (const char* family : {"qwen3_next", "qwen3_5_text"}) {
    for (const auto& [name, least] : {std::pair("qkvz", 190), std::pair("ba", 7)}) {
      start(family);
      const bool packed = std::string_view(family) == "qwen3_next";
      for (const char* part : {"qkv", "z", "b", "a"}) {
        if (!packed) take(part);
      }
      if (packed) {
        take("qkvz");
        take("ba");
      }
      const auto zeros = [](int64_t count) {
        return std::string(static_cast<size_t>(count * kHidden * 2), '\0');
      };
      add("qkvz", zeros(std::string_view(name) == "qkvz" ? least : 192));
      add("ba", zeros(std::string_view(name) == "ba" ? least : 8));
      store();
      const std::string line = tests::refusal([&] { Opened opened(folder_.path()); });
      EXPECT_NE(line.find(std::string(kInputs) + name + ".weight"), std::string::npos) << line;
      EXPECT_NE(line.find("shape"), std::string::npos) << line;
    }
  }
}

TEST_F(DeltaLayout, BothFormsAtOnceAreRefused) {
  start("qwen3_next");
  const auto [qkv, z] = split(take("qkvz"));
  add("qkv", qkv);
  add("z", z);
  add("qkvz", qkv + z);
  store();
  const std::string line = tests::refusal([&] { Opened opened(folder_.path()); });
  EXPECT_NE(line.find("in_proj_qkv.weight"), std::string::npos) << line;
}

}  // namespace
}  // namespace plumb::model
