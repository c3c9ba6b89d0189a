#include "compare/library/mutation.h"

#include <algorithm>

namespace plumb::library {
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

// Row `row` of a weight of `n` columns.
void take_columns(const model::Weights& right, size_t n, const Mutation::Origins& origin,
                  size_t row, std::span<double> out) {
  std::map<model::WeightId, std::vector<double>> rows;
  for (size_t j = 0; j < n; ++j) {
    const Mutation::Origin from = origin(j);
    const auto [at, fresh] = rows.try_emplace(from.weight);
    if (fresh) {
      const WeightView& weight = right.at(from.weight);
      at->second.resize(weight.columns());
      weight.widen(row, 1, at->second);
    }
    out[j] = at->second[from.row];
  }
}

}  // namespace

void Mutation::edit(const model::WeightId& id, WeightView::Edit edit) {
  weights_[id] = [edit = std::move(edit)](const model::Weights&, const WeightView& stored,
                                          size_t first, size_t count, std::span<double> out) {
    edit(stored, first, count, out);
  };
}

void Mutation::gather(const model::WeightId& id, Origins origin) {
  weights_[id] = [origin = std::move(origin)](const model::Weights& right, const WeightView& stored,
                                              size_t first, size_t count, std::span<double> out) {
    const size_t n = stored.columns();
    if (stored.shape().size() == 1) return take_columns(right, n, origin, 0, out);
    for (size_t i = 0; i < count; ++i) {
      const Origin from = origin(first + i);
      right.at(from.weight).widen(from.row, 1, out.subspan(i * n, n));
    }
  };
}

void Mutation::gather_columns(const model::WeightId& id, Origins origin) {
  weights_[id] = [origin = std::move(origin)](const model::Weights& right, const WeightView& stored,
                                              size_t first, size_t count, std::span<double> out) {
    const size_t n = stored.columns();
    for (size_t i = 0; i < count; ++i) {
      take_columns(right, n, origin, first + i, out.subspan(i * n, n));
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
      reference_(graph_, weights_ ? *weights_ : right.weights(), right.threads(), right.outset()) {}

}  // namespace plumb::library
