#include "compare/library/edits.h"

#include <algorithm>

namespace plumb::library {

const model::WeightDeclaration& declaration(const Mutation& m, const model::WeightId& id) {
  return *std::find_if(m.graph().weights.begin(), m.graph().weights.end(),
                       [&](const model::WeightDeclaration& weight) { return weight.id == id; });
}

const graph::Op* sibling(const Mutation& m, size_t op, const std::string& role) {
  for (const graph::Op& other : m.graph().ops) {
    if (other.layer != m.original(op).layer || other.weights.empty()) continue;
    if (std::holds_alternative<graph::Linear>(other.kind) && other.weights.front().role == role) {
      return &other;
    }
  }
  return nullptr;
}

void reorder(Mutation& m, const graph::Op& op, const std::vector<size_t>& order) {
  for (const model::WeightId& id : op.weights) {
    m.gather(id, [id, order](size_t row) { return Mutation::Origin{id, order[row]}; });
  }
}

}  // namespace plumb::library
