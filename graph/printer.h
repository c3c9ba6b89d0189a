// A graph as text: the same graph gives the same bytes, everywhere. Two models whose texts are
// equal have the same forward.
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"

namespace plumb::graph {

// One line an op: "%7 = rms_norm(%6) {eps=1e-06} [layers.0.q_norm.weight] : 4,16 @layer.0.q_norm".
// Attributes at their default are left out.
std::string to_text(const Graph& graph);

std::string to_dot(const Graph& graph);
std::string to_json(const Graph& graph);

// The attributes of one op that differ from their defaults, as "eps=1e-06, groups=4".
std::string attributes_text(const OpKind& kind);
// One of them, at its default or not; empty where the op has none of that name.
std::string attribute_text(const OpKind& kind, std::string_view name);
bool has_attribute(const OpKind& kind, std::string_view name);

}  // namespace plumb::graph
