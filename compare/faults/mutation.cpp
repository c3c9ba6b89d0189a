#include "compare/faults/mutation.h"

#include <algorithm>

namespace plumb::compare {
namespace {

using model::WeightView;

graph::Graph apply(const Mutation& mutation) {
  graph::Graph graph = mutation.graph();
  for (const auto& [index, op] : mutation.ops()) graph.ops[index] = op;
  for (const auto& [id, value] : mutation.values()) graph.value(id) = value;
  return graph;
}

std::optional<model::Weights> edit(const model::Weights& weights, const Mutation& mutation) {
  std::optional<model::Weights> edited;
  for (const auto& [id, change] : mutation.weights()) {
    edited = (edited ? *edited : weights)
                 .with(id, [&weights, change](const WeightView& stored, size_t first, size_t count,
                                              std::span<double> out) {
                   change(weights, stored, first, count, out);
                 });
  }
  return edited;
}

}  // namespace

void Mutation::edit(const model::WeightId& id, WeightView::Edit edit) {
  weights_[id] = [edit = std::move(edit)](const model::Weights&, const WeightView& stored,
                                          size_t first, size_t count,
                                          std::span<double> out) { edit(stored, first, count, out); };
}

void Mutation::gather(const model::WeightId& id, std::vector<Origin> rows) {
  weights_[id] = [rows = std::move(rows)](const model::Weights& right, const WeightView& stored,
                                          size_t first, size_t count, std::span<double> out) {
    const size_t n = stored.columns();
    if (stored.shape().size() > 1) {
      for (size_t i = 0; i < count; ++i) {
        const Origin& origin = rows[first + i];
        right.at(origin.weight).widen(origin.row, 1, out.subspan(i * n, n));
      }
      return;
    }
    std::map<model::WeightId, std::vector<double>> vectors;
    for (size_t j = 0; j < n; ++j) {
      const auto [at, fresh] = vectors.try_emplace(rows[j].weight);
      if (fresh) at->second = right.at(rows[j].weight).values();
      out[j] = at->second[rows[j].row];
    }
  };
}

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

}  // namespace plumb::compare
