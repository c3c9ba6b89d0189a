#include "graph/draft.h"

namespace plumb::graph {

Draft::Draft(const model::Spec& spec) {
  graph_.vocab_size = spec.vocab_size;
  graph_.hidden_size = spec.hidden_size;
  graph_.num_layers = static_cast<int>(spec.layers.size());
}

ValueId Draft::add(OpKind kind, std::vector<ValueId> inputs) {
  const std::vector<int> same = shape(inputs.front());
  return add(std::move(kind), std::move(inputs), same);
}

ValueId Draft::add(OpKind kind, std::vector<ValueId> inputs, std::vector<int> shape,
                   std::vector<model::WeightId> weights) {
  graph_.ops.push_back({.kind = std::move(kind),
                        .layer = layer_,
                        .inputs = std::move(inputs),
                        .weights = std::move(weights)});
  return another_output(std::move(shape));
}

ValueId Draft::another_output(std::vector<int> shape) {
  const auto id = static_cast<ValueId>(graph_.values.size());
  graph_.values.push_back(
      {.shape = std::move(shape), .producer = static_cast<int>(graph_.ops.size()) - 1});
  graph_.ops.back().outputs.push_back(id);
  return id;
}

ValueId Draft::heads(ValueId x, int count) {
  graph_.value(x).shape = {count, width(x) / count};
  return x;
}

model::WeightId Draft::weight(const std::string& role, std::vector<int64_t> shape) {
  const model::WeightId id{layer_, role};
  graph_.weights.push_back({id, std::move(shape)});
  return id;
}

model::WeightId Draft::shared_weight(const std::string& role, std::vector<int64_t> shape) {
  const model::WeightId id{-1, role};
  for (const model::WeightDeclaration& declared : graph_.weights) {
    if (declared.id == id) return id;
  }
  graph_.weights.push_back({id, std::move(shape)});
  return id;
}

ValueId Draft::linear(ValueId x, const std::string& role, int out, bool bias, Linear op) {
  std::vector<model::WeightId> weights = {weight(role + ".weight", {out, width(x)})};
  if (bias) weights.push_back(weight(role + ".bias", {out}));
  return add(op, {x}, {out}, std::move(weights));
}

ValueId Draft::norm(const model::NormSpec& spec, ValueId x, const std::string& role, int groups,
                    bool weight_per_group) {
  const int64_t part = width(x) / groups;
  const std::vector<int64_t> extents =
      weight_per_group ? std::vector<int64_t>{groups, part} : std::vector<int64_t>{part};
  std::vector<model::WeightId> weights;
  if (spec.weight) weights.push_back(weight(role + ".weight", extents));
  if (spec.bias) weights.push_back(weight(role + ".bias", extents));
  if (spec.kind == model::NormSpec::Kind::kLayer) {
    return add(LayerNorm{.eps = spec.eps, .groups = groups, .unit_offset = spec.unit_offset}, {x},
               shape(x), std::move(weights));
  }
  return add(RmsNorm{.eps = spec.eps,
                     .groups = groups,
                     .unit_offset = spec.unit_offset,
                     .input_scaled = spec.input_scaled,
                     .rounding = spec.rounding},
             {x}, shape(x), std::move(weights));
}

void Draft::tap(ValueId id, trace::TapId which) {
  graph_.value(id).taps.push_back({which, trace::definition(which).in_layer ? layer_ : -1});
}

void Draft::keep_value(ValueId id, trace::TapId which) {
  const Value& value = graph_.value(id);
  graph_.slots.push_back(
      {.op = static_cast<size_t>(value.producer),
       .outputs = true,
       .tensors = {{.tap = {which, layer_}, .per_position = true, .axes = {1, value.width()}}}});
}

void Draft::keep(const std::vector<trace::TapId>& which) {
  std::vector<trace::Tap> taps;
  for (const trace::TapId id : which) taps.push_back({id, layer_});
  const Op& op = graph_.ops.back();
  graph_.slots.push_back({.op = graph_.ops.size() - 1,
                          .tensors = state_tensors(op.kind, width(op.inputs.front()), taps)});
}

}  // namespace plumb::graph
