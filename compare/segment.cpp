#include "compare/segment.h"

#include <algorithm>

#include "base/errors.h"

namespace plumb::compare {

using graph::ValueId;
using trace::Tap;

Segment segment_before(const graph::Graph& graph, const Tap& tap,
                       const std::function<bool(const Tap&)>& recorded) {
  const std::optional<ValueId> end = graph.find(tap);
  base::ensure(end.has_value(), "the tap is one of the graph's");
  std::vector<bool> inside(graph.ops.size(), false);
  std::vector<ValueId> open = {*end};
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    const auto op = static_cast<size_t>(graph.value(id).producer);
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

FirstDivergence locate(const graph::Graph& graph, const Tap& tap,
                       const std::function<bool(const Tap&)>& recorded, double local_ratio) {
  const Segment segment = segment_before(graph, tap, recorded);
  FirstDivergence first{.tap = tap.name(), .local_ratio = local_ratio};
  if (tap.layer >= 0) first.layer = tap.layer;
  if (segment.ops.size() == 1) first.op = graph.ops[segment.ops.front()].name();
  for (const Tap& suspect : segment.inside) first.suspects.push_back(suspect.name());
  return first;
}

void narrow(const graph::Graph& graph, const std::vector<size_t>& ops, FirstDivergence& first) {
  const graph::Op& op = graph.ops[ops.front()];
  first.op = op.name();
  if (op.layer >= 0) first.layer = op.layer;
  std::vector<std::string> suspects;
  for (const size_t i : ops) {
    if (graph.ops[i].layer != op.layer) continue;
    for (const ValueId id : graph.ops[i].outputs) {
      for (const Tap& tap : graph.value(id).taps) suspects.push_back(tap.name());
    }
  }
  if (!suspects.empty()) first.suspects = std::move(suspects);
}

}  // namespace plumb::compare
