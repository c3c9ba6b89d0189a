// A graph in the making: what the blocks of builder.cpp are written with.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "model/spec.h"

namespace plumb::graph {

class Draft {
 public:
  explicit Draft(const model::Spec& spec);

  // Ops and weights that follow belong to this layer; -1 outside the layers.
  void enter_layer(int layer) { layer_ = layer; }
  Graph take() { return std::move(graph_); }

  const std::vector<int>& shape(ValueId id) const { return graph_.value(id).shape; }
  int width(ValueId id) const { return graph_.value(id).width(); }

  // Adds an op with one output: shaped like its first input, or as given.
  ValueId add(OpKind kind, std::vector<ValueId> inputs);
  ValueId add(OpKind kind, std::vector<ValueId> inputs, std::vector<int> shape,
              std::vector<model::WeightId> weights = {});
  // Another output of the last op.
  ValueId another_output(std::vector<int> shape);
  // Splits a row into `count` heads.
  ValueId heads(ValueId x, int count);

  // Declares a weight of the current layer (of the model, outside the layers) and names it.
  model::WeightId weight(const std::string& role, std::vector<int64_t> shape);
  // The same for a weight of the model that several ops may use.
  model::WeightId shared_weight(const std::string& role, std::vector<int64_t> shape);

  // x W^T (+ b), with weights `role`.weight [out, width of x] and `role`.bias [out].
  ValueId linear(ValueId x, const std::string& role, int out, bool bias, Linear op = {});
  // A norm of each of `groups` equal parts of a row, with one weight for all parts, or
  // (weight_per_group) one each.
  ValueId norm(const model::NormSpec& spec, ValueId x, const std::string& role, int groups = 1,
               bool weight_per_group = false);

  void tap(ValueId id, trace::TapId which);
  // Names what the last op keeps from one call to the next.
  void keep(const std::vector<trace::TapId>& which);
  // Names the rows of a value as what may be kept instead.
  void keep_value(ValueId id, trace::TapId which);

 private:
  Graph graph_;
  int layer_ = -1;
};

}  // namespace plumb::graph
