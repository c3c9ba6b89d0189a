// A forward with a mistake in it, as changes to the right one: ops and values of the graph,
// weights, and what no attribute of an op says.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "graph/graph.h"
#include "model/weights.h"
#include "reference/deviation.h"
#include "reference/run.h"

namespace plumb::library {

class Mutation {
 public:
  explicit Mutation(const graph::Graph& graph) : graph_(graph) {}

  const graph::Graph& graph() const { return graph_; }
  // The right op, and a copy of it to change.
  const graph::Op& original(size_t op) const { return graph_.ops[op]; }
  graph::Op& op(size_t index) { return ops_.try_emplace(index, graph_.ops[index]).first->second; }
  graph::Value& value(graph::ValueId id) {
    return values_.try_emplace(id, graph_.value(id)).first->second;
  }
  reference::Deviation& deviation(size_t op) { return deviations_[op]; }
  void edit(const model::WeightId& id, model::WeightView::Edit edit) {
    weights_[id] = std::move(edit);
  }

  // Makes the op pass its input `which` on.
  void bypass(size_t op, size_t which = 0);
  // Confines the mistake at the ops that were changed to a part of their outputs.
  void restrict(const reference::Restriction& where);

  // The ops at which the forward differs from the right one, by themselves or by their weights.
  std::vector<size_t> changed_ops() const;
  const std::map<size_t, graph::Op>& ops() const { return ops_; }
  const std::map<graph::ValueId, graph::Value>& values() const { return values_; }
  const std::map<model::WeightId, model::WeightView::Edit>& weights() const { return weights_; }
  const reference::Deviations& deviations() const { return deviations_; }

 private:
  const graph::Graph& graph_;
  std::map<size_t, graph::Op> ops_;
  std::map<graph::ValueId, graph::Value> values_;
  std::map<model::WeightId, model::WeightView::Edit> weights_;
  reference::Deviations deviations_;
};

// A mutation, ready to run.
class Mutant {
 public:
  // `right` must outlive the mutant.
  Mutant(const reference::Reference& right, const Mutation& mutation);
  Mutant(const Mutant&) = delete;
  Mutant& operator=(const Mutant&) = delete;

  const reference::Reference& reference() const { return reference_; }
  const reference::Deviations& deviations() const { return deviations_; }

 private:
  graph::Graph graph_;
  std::optional<model::Weights> weights_;  // where any was edited
  reference::Deviations deviations_;
  reference::Reference reference_;
};

}  // namespace plumb::library
