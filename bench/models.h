// The checkpoints that benchmarks run on: synthetic, made once and kept in a cache folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "graph/graph.h"
#include "model/model.h"
#include "model/weights.h"

namespace plumb::bench {

struct Settings {
  std::filesystem::path cache;
  std::vector<std::string> presets;
  int threads = 0;
};

// The family that stands for a preset: llama for the small ones, qwen3 for those of its sizes.
std::string family_of(const std::string& preset);

struct LoadedModel {
  explicit LoadedModel(const std::filesystem::path& folder);

  // Weights that each token is multiplied with: all matrices but an embedding that is only read.
  int64_t matrix_parameters() const;

  model::Checkpoint checkpoint;
  model::ModelConfig config;
  graph::Graph graph;
  model::Weights weights;
};

// The folder of a preset's checkpoint, synthesised where the cache has none.
std::filesystem::path checkpoint_folder(const Settings& settings, const std::string& preset);

// Token ids of a prompt, the same at any time.
std::vector<int64_t> prompt(size_t length, int vocab_size);

}  // namespace plumb::bench
