// The part of a graph between what was recorded and one recorded tap: where a local error arose.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compare/result.h"
#include "graph/graph.h"

namespace plumb::compare {

struct Segment {
  std::vector<size_t> ops;         // by index, in the order of the graph
  std::vector<trace::Tap> inside;  // taps of its values that were not recorded, and `tap` itself
};

Segment segment_before(const graph::Graph& graph, const trace::Tap& tap,
                       const std::function<bool(const trace::Tap&)>& recorded);

// As far as the recording alone tells: the op's name where the segment is one op, else empty.
FirstDivergence locate(const graph::Graph& graph, const trace::Tap& tap,
                       const std::function<bool(const trace::Tap&)>& recorded, double local_ratio);

// Narrows it to the first of the ops that a cause names, and to their values in its layer.
void narrow(const graph::Graph& graph, const std::vector<size_t>& ops, FirstDivergence& first);

}  // namespace plumb::compare
