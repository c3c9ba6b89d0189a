// Where a candidate first departs: as far as its recording tells, and narrowed by what a cause
// names.
#pragma once

#include <functional>
#include <vector>

#include "graph/graph.h"
#include "result/result.h"

namespace plumb::diagnose {

using result::FirstDivergence;

// As far as the recording alone tells: the op's name where the segment is one op, else empty.
FirstDivergence locate(const graph::Graph& graph, const trace::Tap& tap,
                       const std::function<bool(const trace::Tap&)>& recorded, double local_ratio);

// Narrows it to the first of the ops that a cause names, and to their values in its layer.
void narrow(const graph::Graph& graph, const std::vector<size_t>& ops, FirstDivergence& first);

}  // namespace plumb::diagnose
