// From a Spec to its graph. The Spec is all that it reads.
#pragma once

#include "graph/graph.h"
#include "model/spec.h"

namespace plumb::graph {

Graph build(const model::Spec& spec);

}  // namespace plumb::graph
