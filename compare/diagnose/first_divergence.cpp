#include "compare/diagnose/first_divergence.h"

#include <string>

#include "graph/segment.h"

namespace plumb::diagnose {

using graph::Segment;
using graph::ValueId;
using trace::Tap;

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

}  // namespace plumb::diagnose
