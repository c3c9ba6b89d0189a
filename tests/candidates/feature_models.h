// Small models that turn the features of a Spec on, one group after another, with random weights:
// what engines must compute whether or not a family has it yet.
#pragma once

#include <string>
#include <vector>

#include "model/spec.h"
#include "tests/candidates/op_bench.h"
#include "tests/candidates/synthetic.h"

namespace plumb::candidates::testing {

struct Feature {
  std::string name;
  model::Spec spec;
};
std::vector<Feature> features();

class FeatureModel : public Model {
 public:
  explicit FeatureModel(const Feature& feature);

  const graph::Graph& graph() const override { return graph_; }
  const model::Weights& weights() const override { return folder_.weights(); }

 private:
  graph::Graph graph_;
  WeightFolder folder_;
};

}  // namespace plumb::candidates::testing
