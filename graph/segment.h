// What a graph says of its own parts: the segment between what was recorded and one recorded tap,
// where a local error arose; what an op is called, and what it depends on from earlier calls.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace plumb::graph {

struct Segment {
  std::vector<size_t> ops;         // by index, in the order of the graph
  std::vector<trace::Tap> inside;  // taps of its values that were not recorded, and `tap` itself
};

Segment segment_before(const Graph& graph, const trace::Tap& tap,
                       const std::function<bool(const trace::Tap&)>& recorded);

// Does the op turn with the position?
bool turns_with_position(const OpKind& kind);

// What an op of the graph depends on from earlier calls: the names of its slot's tensors, or
// "position" for an op that turns with it; empty for all others.
std::vector<std::string> carried_by(const Graph& graph, size_t op);

// What an op is called within its layer: its weight's role, or the tap it makes, or its kind.
std::string op_label(const Graph& graph, const Op& op);

}  // namespace plumb::graph
