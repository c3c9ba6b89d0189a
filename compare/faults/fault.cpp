#include "compare/faults/fault.h"

#include <fmt/format.h>

#include <map>

namespace plumb::compare {
namespace {

using graph::Graph;

// The ops that a mistake strikes together: those of one layer (and one label, op by op).
struct Place {
  int layer;
  std::string label;  // empty for a whole layer
  auto operator<=>(const Place&) const = default;
};

constexpr int kEveryLayer = -2;
constexpr int kWholeModel = -3;

std::string describe(const Place& place) {
  std::string where;
  if (place.layer == kEveryLayer) where = "every layer";
  if (place.layer >= 0) where = fmt::format("layer {}", place.layer);
  if (place.layer == kWholeModel) return "the model";
  if (where.empty()) return place.label.empty() ? "the model" : place.label;
  return place.label.empty() ? where : place.label + " of " + where;
}

std::map<Place, std::vector<size_t>> find_places(const FaultRow& row, const Graph& graph,
                                                 double parameter) {
  std::map<Place, std::vector<size_t>> places;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    Mutation scratch(graph);
    if (!row.apply(scratch, i, parameter)) continue;
    const graph::Op& op = graph.ops[i];
    const bool each = row.scope == FaultScope::kEach || op.layer < 0;
    const std::string label = each ? op_label(graph, op) : std::string();
    places[{op.layer, label}].push_back(i);
    if (op.layer >= 0) places[{kEveryLayer, label}].push_back(i);
    if (row.severity == FaultClass::kRounding) places[{kWholeModel, ""}].push_back(i);
  }
  return places;
}

// A mistake in every layer, or in the whole model, is another only where several layers have it,
// or something outside them too.
bool is_repeated(const Graph& graph, const Place& place, const std::vector<size_t>& ops) {
  const int first = graph.ops[ops.front()].layer;
  const int last = graph.ops[ops.back()].layer;
  return first != last && (place.layer != kWholeModel || first < 0 || last < 0);
}

void add_faults(const FaultRow& row, const Graph& graph, std::vector<Fault>& faults) {
  const double none[] = {0.0};
  for (const double parameter : row.values.empty() ? std::span<const double>(none) : row.values) {
    for (auto& [place, ops] : find_places(row, graph, parameter)) {
      if (place.layer <= kEveryLayer && !is_repeated(graph, place, ops)) continue;
      Fault fault{.row = &row, .ops = ops, .place = describe(place), .parameter = parameter};
      if (place.layer >= 0) fault.layer = place.layer;
      fault.order = faults.size();
      faults.push_back(std::move(fault));
    }
  }
}

}  // namespace

std::string Fault::says() const {
  return place + " " + fmt::format(fmt::runtime(row->says), parameter);
}

Mutation Fault::mutate(const Graph& graph) const {
  Mutation mutation(graph);
  for (const size_t op : ops) row->apply(mutation, op, parameter);
  return mutation;
}

std::vector<Fault> applicable_faults(const Graph& graph) {
  std::vector<Fault> faults;
  for (const auto rows :
       {position_faults(), attention_faults(), norm_faults(), linear_faults(), wiring_faults(),
        activation_faults(), expert_faults(), delta_faults(), rounding_faults()}) {
    for (const FaultRow& row : rows) add_faults(row, graph, faults);
  }
  return faults;
}

std::string op_label(const Graph& graph, const graph::Op& op) {
  if (!op.weights.empty()) {
    const std::string& role = op.weights.front().role;
    return role.substr(0, role.rfind('.'));
  }
  for (const graph::ValueId id : op.outputs) {
    const auto& taps = graph.value(id).taps;
    if (!taps.empty()) return std::string(trace::definition(taps.front().id).name);
  }
  return std::string(op.name());
}

}  // namespace plumb::compare
