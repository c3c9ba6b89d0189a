// Models to test on: the case catalogue and small configs, as synthetic checkpoints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "graph/graph.h"
#include "model/model.h"
#include "model/weights.h"

namespace plumb::tests {

// One of fixtures/cases/.
struct Case {
  std::string name;
  std::string family;
  uint64_t seed = 0;
  base::Json config;
  int64_t tied_tokens = 0;

  std::filesystem::path oracle() const;  // the recorded trace
};
std::vector<std::string> case_names();
Case read_case(const std::string& name);

// A synthetic checkpoint in a folder of its own, loaded.
struct SyntheticModel {
  explicit SyntheticModel(const base::Json& json, uint64_t seed = 1,
                          uint64_t max_shard_size = uint64_t{1} << 30);
  explicit SyntheticModel(const Case& one);

  base::TemporaryFolder folder;
  model::Checkpoint checkpoint;
  model::ModelConfig config;
  graph::Graph graph;
  model::Weights weights;

 private:
  SyntheticModel(const base::Json& json, uint64_t seed, uint64_t max_shard_size,
                 int64_t tied_tokens);
};

}  // namespace plumb::tests
