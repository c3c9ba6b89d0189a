// Synthetic models for tests: a checkpoint in a temporary folder, loaded.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "graph/graph.h"
#include "model/model.h"
#include "model/weights.h"

namespace plumb::candidates::testing {

class SyntheticModel {
 public:
  SyntheticModel(const base::Json& config, uint64_t seed);
  // The tiny preset of a family with some keys of its config changed.
  explicit SyntheticModel(const std::string& family,
                          const base::Json& changes = base::Json::object());

  const graph::Graph& graph() const { return graph_; }
  const model::Weights& weights() const { return *weights_; }
  // Token ids of a prompt, the same at any time.
  std::vector<int64_t> prompt(size_t length, uint64_t seed = 1) const;

 private:
  base::TemporaryFolder folder_;
  std::unique_ptr<model::Checkpoint> checkpoint_;
  graph::Graph graph_;
  std::unique_ptr<model::Weights> weights_;
};

// A family with changes to its tiny config that exercise what it has.
struct Variation {
  std::string family;
  base::Json changes;
};
std::vector<Variation> variations();

}  // namespace plumb::candidates::testing
