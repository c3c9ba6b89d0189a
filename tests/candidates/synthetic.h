// Models for tests: checkpoints in temporary folders, loaded.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "graph/graph.h"
#include "model/model.h"
#include "model/weights.h"

namespace plumb::candidates::testing {

class Model {
 public:
  virtual ~Model() = default;
  virtual const graph::Graph& graph() const = 0;
  virtual const model::Weights& weights() const = 0;
  // Token ids of a prompt, the same at any time.
  std::vector<int64_t> prompt(size_t length, uint64_t seed = 1) const;
};

// A model of a family, from `plumb synth`.
class SyntheticModel : public Model {
 public:
  SyntheticModel(const base::Json& config, uint64_t seed, int64_t tied_tokens = 0);
  // The tiny preset of a family with some keys of its config changed.
  explicit SyntheticModel(const std::string& family,
                          const base::Json& changes = base::Json::object());

  const graph::Graph& graph() const override { return graph_; }
  const model::Weights& weights() const override { return *weights_; }

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

// Calls test(model) for the variations of families and the feature models (feature_models.h), their
// names on the trace of what fails.
void for_each_model(const std::function<void(const Model&)>& test);

}  // namespace plumb::candidates::testing
