#include "tests/candidates/synthetic.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "fixtures/presets.h"
#include "fixtures/synth.h"
#include "graph/builder.h"
#include "tests/candidates/feature_models.h"

namespace plumb::candidates::testing {
namespace {

base::Json changed(const std::string& family, const base::Json& changes) {
  base::Json config = fixtures::preset_config(family, "tiny");
  config.update(changes);
  return config;
}

}  // namespace

SyntheticModel::SyntheticModel(const base::Json& config, uint64_t seed, int64_t tied_tokens) {
  fixtures::synthesize({.config = config, .seed = seed, .tied_tokens = tied_tokens},
                       folder_.path() / "model", base::Threads(1));
  checkpoint_ = std::make_unique<model::Checkpoint>(folder_.path() / "model");
  const model::ModelConfig read = model::read_config(*checkpoint_);
  graph_ = graph::build(read.spec);
  weights_ = std::make_unique<model::Weights>(*checkpoint_, graph_.weights, read.names);
}

SyntheticModel::SyntheticModel(const std::string& family, const base::Json& changes)
    : SyntheticModel(changed(family, changes), 3) {}

std::vector<int64_t> Model::prompt(size_t length, uint64_t seed) const {
  std::vector<int64_t> tokens(length);
  const uint64_t key = base::stream_key(seed, "prompt");
  for (size_t t = 0; t < length; ++t) {
    tokens[t] =
        static_cast<int64_t>(base::random_bits(key, t) % static_cast<uint64_t>(graph().vocab_size));
  }
  return tokens;
}

std::vector<Variation> variations() {
  return {
      {"llama", base::Json::object()},
      {"llama", {{"num_key_value_heads", 1}, {"attention_bias", true}, {"mlp_bias", true}}},
      {"qwen2", {{"use_sliding_window", true}, {"sliding_window", 9}, {"max_window_layers", 1}}},
      {"qwen3", {{"num_key_value_heads", 4}, {"head_dim", 20}}},
      {"gemma", {{"num_key_value_heads", 1}}},
      {"gemma2", {{"sliding_window", 5}}},
      {"gemma3_text", base::Json::object()},
      {"mixtral", {{"num_local_experts", 5}, {"num_experts_per_tok", 3}}},
      {"mixtral", {{"sliding_window", 6}}}};
}

void for_each_model(const std::function<void(const Model&)>& test) {
  for (const Variation& variation : variations()) {
    SCOPED_TRACE(variation.family + " " + variation.changes.dump());
    test(SyntheticModel(variation.family, variation.changes));
  }
  for (const Feature& feature : features()) {
    SCOPED_TRACE(feature.name);
    test(FeatureModel(feature));
  }
}

}  // namespace plumb::candidates::testing
