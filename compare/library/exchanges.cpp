// The weights are right, and belong to something else: two taken for one another, or another
// layer's.
#include <algorithm>
#include <iterator>

#include "compare/library/edits.h"

namespace plumb::library {
namespace {

using model::WeightDeclaration;
using model::WeightId;

// What people take for one another, by role without ".weight".
constexpr std::pair<std::string_view, std::string_view> kPairs[] = {
    {"k_proj", "v_proj"},
    {"q_proj", "k_proj"},
    {"q_proj", "v_proj"},
    {"q_proj", "o_proj"},
    {"q_proj", "attn_gate_proj"},
    {"q_norm", "k_norm"},
    {"mixer_norm", "ffn_norm"},
    {"mixer_norm", "mixer_post_norm"},
    {"mixer_post_norm", "ffn_norm"},
    {"mixer_post_norm", "ffn_post_norm"},
    {"ffn_norm", "ffn_post_norm"},
    {"shared.gate_proj", "shared.up_proj"},
    {"gdn.q_proj", "gdn.k_proj"},
    {"gdn.v_proj", "gdn.z_proj"},
    {"gdn.b_proj", "gdn.a_proj"},
};
constexpr double kWhich[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
constexpr std::string_view kNames[] = {"k_proj and v_proj",
                                       "q_proj and k_proj",
                                       "q_proj and v_proj",
                                       "q_proj and o_proj",
                                       "q_proj and attn_gate_proj",
                                       "q_norm and k_norm",
                                       "mixer_norm and ffn_norm",
                                       "mixer_norm and mixer_post_norm",
                                       "mixer_post_norm and ffn_norm",
                                       "mixer_post_norm and ffn_post_norm",
                                       "ffn_norm and ffn_post_norm",
                                       "the shared expert's gate and up",
                                       "gdn.q_proj and gdn.k_proj",
                                       "gdn.v_proj and gdn.z_proj",
                                       "gdn.b_proj and gdn.a_proj"};
static_assert(std::size(kPairs) == std::size(kWhich) && std::size(kPairs) == std::size(kNames));

const WeightDeclaration* find(const Mutation& m, const WeightId& id) {
  const auto& weights = m.graph().weights;
  const auto found = std::ranges::find(weights, id, &WeightDeclaration::id);
  return found == weights.end() ? nullptr : &*found;
}

bool are_alike(const Mutation& m, const WeightId& a, const WeightId& b) {
  const WeightDeclaration* one = find(m, a);
  const WeightDeclaration* other = find(m, b);
  return one && other && one->shape == other->shape;
}

std::string_view base_of(const WeightId& id) {
  return std::string_view(id.role).substr(0, id.role.rfind('.'));
}

// Each op of the two has the other's weights.
bool exchange(Mutation& m, size_t op, double which) {
  const graph::Op& own = m.original(op);
  if (own.layer < 0 || own.weights.empty()) return false;
  const auto& [first, second] = kPairs[static_cast<size_t>(which)];
  const std::string_view role = base_of(own.weights.front());
  if (role != first && role != second) return false;
  const std::string_view other = role == first ? second : first;
  std::vector<WeightId> theirs;
  for (const WeightId& id : own.weights) {
    theirs.push_back({id.layer, std::string(other) + id.role.substr(role.size())});
    if (!are_alike(m, id, theirs.back())) return false;
  }
  m.op(op).weights = std::move(theirs);
  return true;
}

// The weights of the layer so many places on.
bool take_other_layer(Mutation& m, size_t op, double by) {
  const graph::Op& own = m.original(op);
  if (own.layer < 0 || own.weights.empty()) return false;
  std::vector<WeightId> theirs = own.weights;
  for (WeightId& id : theirs) {
    id.layer += static_cast<int>(by);
    if (!are_alike(m, own.weights[static_cast<size_t>(&id - theirs.data())], id)) return false;
  }
  m.op(op).weights = std::move(theirs);
  return true;
}

// Layers as their numbers stand as text: 0, 1, 10, 11, ..., 2.
bool sort_layers_as_text(Mutation& m, size_t op, double) {
  const graph::Op& own = m.original(op);
  const int count = m.graph().num_layers;
  if (own.layer < 0 || own.weights.empty() || count <= 10) return false;
  std::vector<std::string> order;
  for (int i = 0; i < count; ++i) order.push_back(std::to_string(i));
  std::ranges::sort(order);
  const int from = std::stoi(order[static_cast<size_t>(own.layer)]);
  return from != own.layer && take_other_layer(m, op, from - own.layer);
}

constexpr double kSteps[] = {-1.0, 1.0};

constexpr FaultRow kRows[] = {
    {.cause = "weights_exchanged",
     .says = "has the weights of {} exchanged",
     .severity = FaultClass::kVariant,
     .scope = FaultScope::kLayer,
     .apply = exchange,
     .values = kWhich,
     .names = kNames},
    {.cause = "layer_of_another",
     .says = "has the weights of the layer {:+g} places on",
     .severity = FaultClass::kVariant,
     .scope = FaultScope::kLayer,
     .apply = take_other_layer,
     .values = kSteps},
    {.cause = "layers_in_text_order",
     .says = "has its layers in the order of their numbers as text (0, 1, 10, 11, ..., 2)",
     .severity = FaultClass::kVariant,
     .scope = FaultScope::kModel,
     .apply = sort_layers_as_text},
};

}  // namespace

std::span<const FaultRow> exchange_faults() {
  return kRows;
}

}  // namespace plumb::library
