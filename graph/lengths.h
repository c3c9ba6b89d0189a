// At which lengths of a sequence a graph changes what it computes.
#pragma once

#include <cstddef>

#include "graph/graph.h"

namespace plumb::graph {

// The positions up to which a longrope takes its short factors; 0 for a graph without one.
size_t short_factor_positions(const Graph& graph);

// The positions that a learned table has a row for; 0 for a graph without one.
size_t table_positions(const Graph& graph);

}  // namespace plumb::graph
