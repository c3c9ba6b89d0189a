#include "compare/library/mutation.h"

#include <algorithm>

namespace plumb::library {
namespace {

graph::Graph apply(const Mutation& mutation) {
  graph::Graph graph = mutation.graph();
  for (const auto& [index, op] : mutation.ops()) graph.ops[index] = op;
  for (const auto& [id, value] : mutation.values()) graph.value(id) = value;
  return graph;
}

std::optional<model::Weights> edit(const model::Weights& weights, const Mutation& mutation) {
  std::optional<model::Weights> edited;
  for (const auto& [id, change] : mutation.weights()) {
    edited = (edited ? *edited : weights).with(id, change);
  }
  return edited;
}

}  // namespace

void Mutation::bypass(size_t index, size_t which) {
  graph::Op& changed = op(index);
  changed.inputs = {changed.inputs[which]};
  changed.weights.clear();
  changed.kind = graph::Scale{};
}

void Mutation::restrict(const reference::Restriction& where) {
  for (const auto& [index, changed] : ops_) deviations_[index];
  for (auto& [index, deviation] : deviations_) {
    deviation.restriction = where;
    deviation.restriction->op = original(index);
  }
}

std::vector<size_t> Mutation::changed_ops() const {
  std::vector<size_t> ops;
  for (size_t i = 0; i < graph_.ops.size(); ++i) {
    const auto& weights = graph_.ops[i].weights;
    const bool edited = std::any_of(weights.begin(), weights.end(),
                                    [&](const auto& id) { return weights_.contains(id); });
    if (edited || ops_.contains(i) || deviations_.contains(i)) ops.push_back(i);
  }
  return ops;
}

Mutant::Mutant(const reference::Reference& right, const Mutation& mutation)
    : graph_(apply(mutation)),
      weights_(edit(right.weights(), mutation)),
      deviations_(mutation.deviations()),
      reference_(graph_, weights_ ? *weights_ : right.weights(), right.threads()) {}

}  // namespace plumb::library
