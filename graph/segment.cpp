#include "graph/segment.h"

#include <algorithm>

#include "base/errors.h"

namespace plumb::graph {

using trace::Tap;

Segment segment_before(const Graph& graph, const Tap& tap,
                       const std::function<bool(const Tap&)>& recorded) {
  const std::optional<ValueId> end = graph.find(tap);
  base::ensure(end.has_value(), "the tap is one of the graph's");
  std::vector<bool> inside(graph.ops.size(), false);
  std::vector<ValueId> open = {*end};
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    const int producer = graph.value(id).producer;
    if (producer < 0) continue;  // an input of the graph
    const auto op = static_cast<size_t>(producer);
    if (inside[op]) continue;
    inside[op] = true;
    for (const ValueId input : graph.ops[op].inputs) {
      const auto& taps = graph.value(input).taps;
      if (std::none_of(taps.begin(), taps.end(), recorded)) open.push_back(input);
    }
  }
  Segment segment;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (!inside[i]) continue;
    segment.ops.push_back(i);
    for (const ValueId id : graph.ops[i].outputs) {
      for (const Tap& candidate : graph.value(id).taps) {
        if (candidate == tap || !recorded(candidate)) segment.inside.push_back(candidate);
      }
    }
  }
  return segment;
}

bool turns_with_position(const OpKind& kind) {
  return std::holds_alternative<Rope>(kind) || std::holds_alternative<PositionScale>(kind) ||
         std::holds_alternative<PositionEmbedding>(kind);
}

std::vector<std::string> carried_by(const Graph& graph, size_t op) {
  std::vector<std::string> names;
  const Slot* const slot = graph.slot_of(op);
  if (slot != nullptr && !slot->outputs) {
    for (const StateTensor& tensor : slot->tensors) names.push_back(tensor.tap.name());
  }
  if (turns_with_position(graph.ops[op].kind)) names.emplace_back("position");
  return names;
}

std::string op_label(const Graph& graph, const Op& op) {
  if (!op.weights.empty()) {
    const std::string& role = op.weights.front().role;
    return role.substr(0, role.rfind('.'));
  }
  for (const ValueId id : op.outputs) {
    const auto& taps = graph.value(id).taps;
    if (!taps.empty()) return std::string(trace::definition(taps.front().id).name);
  }
  return std::string(op.name());
}

}  // namespace plumb::graph
