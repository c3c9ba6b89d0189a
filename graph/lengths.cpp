#include "graph/lengths.h"

namespace plumb::graph {

size_t short_factor_positions(const Graph& graph) {
  for (const Op& op : graph.ops) {
    const auto* rope = std::get_if<Rope>(&op.kind);
    if (rope == nullptr) continue;
    const model::RopeScaling& scaling = rope->rope.scaling;
    if (scaling.kind != model::RopeScaling::Kind::kLongRope) continue;
    return static_cast<size_t>(scaling.original_max_position_embeddings);
  }
  return 0;
}

size_t table_positions(const Graph& graph) {
  for (const Op& op : graph.ops) {
    const auto* positions = std::get_if<PositionEmbedding>(&op.kind);
    if (positions == nullptr || op.weights.empty()) continue;
    for (const model::WeightDeclaration& weight : graph.weights) {
      if (weight.id != op.weights.front()) continue;
      return static_cast<size_t>(weight.shape.front() - positions->offset);
    }
  }
  return 0;
}

}  // namespace plumb::graph
