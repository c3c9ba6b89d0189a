#include "graph/graph.h"

#include <algorithm>

#include "base/errors.h"
#include "graph/rope_frequencies.h"

namespace plumb::graph {

int Value::width() const {
  int product = 1;
  for (const int extent : shape) product *= extent;
  return product;
}

std::string_view Op::name() const {
  return std::visit([](const auto& op) { return std::decay_t<decltype(op)>::kName; }, kind);
}

std::optional<ValueId> Graph::find(const trace::Tap& tap) const {
  for (size_t id = 0; id < values.size(); ++id) {
    const auto& taps = values[id].taps;
    if (std::find(taps.begin(), taps.end(), tap) != taps.end()) return static_cast<ValueId>(id);
  }
  return std::nullopt;
}

std::vector<trace::Tap> Graph::taps() const {
  std::vector<trace::Tap> all;
  for (const Value& v : values) all.insert(all.end(), v.taps.begin(), v.taps.end());
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<trace::Tap> Graph::state_taps() const {
  std::vector<trace::Tap> all;
  for (const Slot& slot : slots) {
    for (const StateTensor& tensor : slot.tensors) all.push_back(tensor.tap);
  }
  std::sort(all.begin(), all.end());
  return all;
}

const Slot* Graph::slot_of(size_t op) const {
  const auto found =
      std::find_if(slots.begin(), slots.end(), [&](const Slot& slot) { return slot.op == op; });
  return found == slots.end() ? nullptr : &*found;
}

const StateTensor* Graph::find_state(const trace::Tap& tap) const {
  for (const Slot& slot : slots) {
    for (const StateTensor& tensor : slot.tensors) {
      if (tensor.tap == tap) return &tensor;
    }
  }
  return nullptr;
}

std::vector<size_t> Graph::tap_shape(const trace::Tap& tap, size_t positions) const {
  const std::optional<ValueId> id = find(tap);
  base::ensure(id.has_value(), "the tap is one of the graph's");
  std::vector<size_t> shape = {positions};
  for (const int extent : value(*id).shape) shape.push_back(static_cast<size_t>(extent));
  return shape;
}

bool depends_on_length(const Graph& graph) {
  return std::any_of(graph.ops.begin(), graph.ops.end(), [](const Op& op) {
    const auto* rope = std::get_if<Rope>(&op.kind);
    return rope != nullptr && depends_on_length(rope->rope);
  });
}

}  // namespace plumb::graph
