#include "compare/library/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "graph/segment.h"

namespace plumb::library {
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
constexpr int kEveryLocal = -4;   // every layer with a window, where some have none
constexpr int kEveryGlobal = -5;  // every layer without one, where some have it

std::string describe(const Place& place) {
  std::string where;
  if (place.layer == kEveryLayer) where = "every layer";
  if (place.layer >= 0) where = fmt::format("layer {}", place.layer);
  if (place.layer == kEveryLocal) where = "every layer with a window";
  if (place.layer == kEveryGlobal) where = "every layer without a window";
  if (place.layer == kWholeModel) return place.label;
  if (where.empty()) return place.label.empty() ? "the model" : place.label;
  return place.label.empty() ? where : place.label + " of " + where;
}

std::string role_of(const Place& place) {
  const bool outside = place.layer < 0 && place.layer > kEveryLayer;
  return outside && place.label.empty() ? "the model" : place.label;
}

// Where layers attend over windows and over all: which of them this one does.
std::optional<int> reach_of(const Graph& graph, int layer) {
  bool local = false;
  bool global = false;
  bool own = false;
  for (const graph::Op& op : graph.ops) {
    const auto* attention = std::get_if<graph::Attention>(&op.kind);
    if (attention == nullptr) continue;
    (attention->window > 0 ? local : global) = true;
    if (op.layer == layer) own = attention->window > 0;
  }
  if (!local || !global) return std::nullopt;
  return own ? kEveryLocal : kEveryGlobal;
}

std::map<Place, std::vector<size_t>> find_places(const FaultRow& row, const Graph& graph,
                                                 double parameter) {
  std::map<Place, std::vector<size_t>> places;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    Mutation scratch(graph);
    if (!row.apply(scratch, i, parameter)) continue;
    const graph::Op& op = graph.ops[i];
    const std::string all(row.all.empty() ? "the model" : row.all);
    const bool whole = row.scope == FaultScope::kModel || row.severity == FaultClass::kRounding;
    if (whole || !row.all.empty()) {
      places[{kWholeModel, all}].push_back(i);
    }
    if (row.scope == FaultScope::kModel) continue;
    const bool each = row.scope == FaultScope::kEach || op.layer < 0;
    const std::string label = each ? op_label(graph, op) : std::string();
    places[{op.layer, label}].push_back(i);
    if (op.layer < 0) continue;
    places[{kEveryLayer, label}].push_back(i);
    const bool positional = std::holds_alternative<graph::Attention>(op.kind) ||
                            std::holds_alternative<graph::Rope>(op.kind);
    const auto reach = positional ? reach_of(graph, op.layer) : std::nullopt;
    if (reach) places[{*reach, label}].push_back(i);
  }
  return places;
}

// A mistake in every layer, or in the whole model, is another only where several layers have it,
// or something outside them too; and one in all layers of a kind only where others have it besides.
bool is_repeated(const FaultRow& row, const Graph& graph, const Place& place,
                 const std::map<Place, std::vector<size_t>>& places) {
  if (row.scope == FaultScope::kModel) return true;
  const std::vector<size_t>& ops = places.at(place);
  const auto every = places.find({kEveryLayer, place.label});
  if (place.layer <= kEveryLocal && every->second.size() == ops.size()) return false;
  const int first = graph.ops[ops.front()].layer;
  const int last = graph.ops[ops.back()].layer;
  return first != last && (place.layer != kWholeModel || first < 0 || last < 0);
}

// Of the op's first output; 1 where it has none.
int heads_of(const Graph& graph, const graph::Op& op) {
  if (const auto* attention = std::get_if<graph::Attention>(&op.kind)) return attention->heads;
  if (const auto* rule = std::get_if<graph::GatedDeltaRule>(&op.kind)) return rule->value_heads;
  const auto& shape = graph.value(op.outputs.front()).shape;
  return shape.size() == 2 ? shape[0] : 1;
}

void add_faults(const FaultRow& row, const Graph& graph, std::vector<Fault>& faults) {
  const double none[] = {0.0};
  for (const double parameter : row.values.empty() ? std::span<const double>(none) : row.values) {
    const auto places = find_places(row, graph, parameter);
    for (const auto& [place, ops] : places) {
      if (place.layer <= kEveryLayer && !is_repeated(row, graph, place, places)) continue;
      Fault fault{.row = &row,
                  .ops = ops,
                  .place = describe(place),
                  .role = role_of(place),
                  .parameter = parameter};
      if (place.layer >= 0) fault.layer = place.layer;
      fault.order = faults.size();
      faults.push_back(std::move(fault));
    }
  }
}

// Through the experts that a router weighs, and factors.
bool goes_into_norms(const Graph& graph, size_t op) {
  const auto reads = [&](const graph::Op& other) {
    return std::ranges::any_of(graph.ops[op].outputs, [&](graph::ValueId made) {
      return std::ranges::find(other.inputs, made) != other.inputs.end();
    });
  };
  bool read = false;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const graph::Op& other = graph.ops[i];
    if (!reads(other)) continue;
    read = true;
    const bool norm = std::holds_alternative<graph::RmsNorm>(other.kind) ||
                      std::holds_alternative<graph::LayerNorm>(other.kind);
    const bool keeps = std::holds_alternative<graph::Experts>(other.kind) ||
                       std::holds_alternative<graph::Scale>(other.kind);
    if (!norm && !(keeps && goes_into_norms(graph, i))) return false;
  }
  return read;
}

}  // namespace

std::string Fault::phrase() const {
  const std::string what =
      row->names.empty() ? fmt::format(fmt::runtime(row->says), parameter)
                         : fmt::format(fmt::runtime(row->says),
                                       row->names[static_cast<size_t>(std::llround(parameter))]);
  return part ? what + " " + part->says : what;
}

std::string Fault::says() const {
  return place + " " + phrase();
}

Mutation Fault::mutate(const Graph& graph) const {
  Mutation mutation(graph);
  for (const size_t op : ops) row->apply(mutation, op, parameter);
  for (const Fault& other : with) {
    for (const size_t op : other.ops) other.row->apply(mutation, op, other.parameter);
  }
  if (part) mutation.restrict(part->where);
  return mutation;
}

bool are_kin(const Fault& a, const Fault& b) {
  return a.row == b.row &&
         (std::ranges::includes(a.ops, b.ops) || std::ranges::includes(b.ops, a.ops));
}

std::vector<std::span<const FaultRow>> all_fault_rows() {
  return {position_faults(),  attention_faults(),  norm_faults(),   linear_faults(),
          wiring_faults(),    activation_faults(), expert_faults(), delta_faults(),
          rounding_faults(),  layout_faults(),     order_faults(),  exchange_faults(),
          frequency_faults(), routing_faults(),    factor_faults(), weight_faults(),
          pattern_faults()};
}

bool may_hide(const Graph& graph, const Fault& fault) {
  const auto is_undone = [&](size_t op) { return goes_into_norms(graph, op); };
  return fault.row->needs_length ||
         (fault.row->scales_positions && std::ranges::all_of(fault.ops, is_undone));
}

std::vector<Fault> applicable_faults(const Graph& graph, const std::vector<std::string>& without) {
  std::vector<Fault> faults;
  for (const auto rows : all_fault_rows()) {
    for (const FaultRow& row : rows) {
      const bool left_out = std::ranges::find(without, row.cause) != without.end();
      if (!left_out) add_faults(row, graph, faults);
    }
  }
  return faults;
}

std::optional<Fault> confine(const Graph& graph, const Fault& fault, Part part) {
  const Mutation mutation = fault.mutate(graph);
  if (!mutation.weights().empty() || !mutation.values().empty()) return std::nullopt;
  for (const auto& [index, op] : mutation.ops()) {
    if (op.inputs != graph.ops[index].inputs) return std::nullopt;
  }
  Fault confined = fault;
  confined.part = std::move(part);
  return confined;
}

std::optional<Fault> confine(const Graph& graph, const Fault& fault, const char* what, int which,
                             int count) {
  reference::Restriction where;
  where.head = which;
  where.heads = count;
  return confine(graph, fault, {where, fmt::format("in {} {} alone", what, which)});
}

std::vector<Fault> confine_to_heads(const Graph& graph, const Fault& fault) {
  const int heads = heads_of(graph, graph.ops[fault.ops.front()]);
  const bool alike = std::ranges::all_of(
      fault.ops, [&](size_t op) { return heads_of(graph, graph.ops[op]) == heads; });
  std::vector<Fault> confined;
  for (int head = 0; head < heads && heads > 1 && alike; ++head) {
    auto one = confine(graph, fault, "head", head, heads);
    if (one) confined.push_back(std::move(*one));
  }
  return confined;
}

}  // namespace plumb::library
