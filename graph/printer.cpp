#include "graph/printer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "base/json.h"

namespace plumb::graph {
namespace {

using Attribute = std::pair<std::string, std::string>;

// Shortest text that reads back as the same value.
template <class T>
std::string value_text(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(model::to_text(value));
  } else {
    return fmt::format("{}", value);
  }
}

std::vector<Attribute> attributes(const OpKind& kind) {
  std::vector<Attribute> result;
  std::visit(
      [&](const auto& op) {
        using Kind = std::decay_t<decltype(op)>;
        std::vector<std::string> defaults;
        const Kind plain{};
        Kind::attributes(plain,
                         [&](const char*, const auto& v) { defaults.push_back(value_text(v)); });
        size_t i = 0;
        Kind::attributes(op, [&](const char* name, const auto& v) {
          std::string text = value_text(v);
          if (text != defaults[i++]) result.emplace_back(name, std::move(text));
        });
      },
      kind);
  return result;
}

std::string value_list(const std::vector<ValueId>& ids) {
  std::string text;
  for (const ValueId id : ids) text += fmt::format("{}%{}", text.empty() ? "" : ", ", id);
  return text;
}

std::string taps_text(const Value& value) {
  std::string text;
  for (const trace::Tap& tap : value.taps) text += " @" + tap.name();
  return text;
}

std::string weights_text(const Op& op) {
  std::string text;
  for (const model::WeightId& id : op.weights) text += (text.empty() ? "" : ", ") + id.name();
  return text;
}

std::vector<std::string> state_names(const Graph& graph, size_t index) {
  std::vector<std::string> names;
  const Slot* slot = graph.slot_of(index);
  if (slot == nullptr) return names;
  for (const StateTensor& tensor : slot->tensors) names.push_back(tensor.tap.name());
  return names;
}

std::string op_line(const Graph& graph, size_t index) {
  const Op& op = graph.ops[index];
  const std::string inputs = op.inputs.empty() ? "tokens" : value_list(op.inputs);
  std::string line = fmt::format("{} = {}({})", value_list(op.outputs), op.name(), inputs);
  const std::string attributes = attributes_text(op.kind);
  if (!attributes.empty()) line += " {" + attributes + "}";
  if (!op.weights.empty()) line += " [" + weights_text(op) + "]";
  const std::vector<std::string> state = state_names(graph, index);
  if (!state.empty()) line += fmt::format(" keeps {}", fmt::join(state, ", "));
  for (const ValueId id : op.outputs) {
    const Value& value = graph.value(id);
    line += fmt::format(" : {}{}", fmt::join(value.shape, ","), taps_text(value));
  }
  return line + "\n";
}

}  // namespace

std::string attributes_text(const OpKind& kind) {
  std::string text;
  for (const auto& [name, value] : attributes(kind)) {
    text += (text.empty() ? "" : ", ") + name + "=" + value;
  }
  return text;
}

std::string attribute_text(const OpKind& kind, std::string_view name) {
  std::string text;
  std::visit(
      [&](const auto& op) {
        std::decay_t<decltype(op)>::attributes(op, [&](const char* known, const auto& value) {
          if (known == name) text = value_text(value);
        });
      },
      kind);
  return text;
}

bool has_attribute(const OpKind& kind, std::string_view name) {
  bool found = false;
  std::visit(
      [&](const auto& op) {
        std::decay_t<decltype(op)>::attributes(
            op, [&](const char* known, const auto&) { found |= known == name; });
      },
      kind);
  return found;
}

std::string to_text(const Graph& graph) {
  std::string text = fmt::format("plumbline.graph/1 vocab_size={} hidden_size={} layers={}\n",
                                 graph.vocab_size, graph.hidden_size, graph.num_layers);
  for (size_t i = 0; i < graph.ops.size(); ++i) text += op_line(graph, i);
  for (const model::WeightDeclaration& weight : graph.weights) {
    text += fmt::format("{} : {}\n", weight.id.name(), fmt::join(weight.shape, ","));
  }
  return text;
}

std::string to_dot(const Graph& graph) {
  std::string text = "digraph forward {\n  node [shape=box, fontname=monospace];\n";
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    const std::string attributes = attributes_text(op.kind);
    text += fmt::format("  op{} [label=\"{}{}{}\"];\n", i, op.name(),
                        attributes.empty() ? "" : "\\n" + attributes,
                        op.weights.empty() ? "" : "\\n" + weights_text(op));
    for (const ValueId id : op.inputs) {
      text += fmt::format("  op{} -> op{} [label=\"{}\"];\n", graph.value(id).producer, i,
                          fmt::join(graph.value(id).shape, ","));
    }
  }
  return text + "}\n";
}

std::string to_json(const Graph& graph) {
  base::OrderedJson json = {{"schema", "plumbline.graph/1"},
                            {"vocab_size", graph.vocab_size},
                            {"hidden_size", graph.hidden_size},
                            {"layers", graph.num_layers}};
  json["ops"] = base::OrderedJson::array();
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    base::OrderedJson row = {
        {"op", op.name()},
        {"layer", op.layer < 0 ? base::OrderedJson() : base::OrderedJson(op.layer)},
        {"inputs", op.inputs},
        {"outputs", op.outputs}};
    row["attributes"] = base::OrderedJson::object();
    for (const auto& [name, value] : attributes(op.kind)) row["attributes"][name] = value;
    row["weights"] = base::OrderedJson::array();
    for (const model::WeightId& id : op.weights) row["weights"].push_back(id.name());
    row["state"] = state_names(graph, i);
    json["ops"].push_back(row);
  }
  json["values"] = base::OrderedJson::array();
  for (const Value& value : graph.values) {
    base::OrderedJson taps = base::OrderedJson::array();
    for (const trace::Tap& tap : value.taps) taps.push_back(tap.name());
    json["values"].push_back({{"shape", value.shape}, {"taps", taps}});
  }
  json["weights"] = base::OrderedJson::array();
  for (const model::WeightDeclaration& weight : graph.weights) {
    json["weights"].push_back({{"name", weight.id.name()}, {"shape", weight.shape}});
  }
  return json.dump(2) + "\n";
}

}  // namespace plumb::graph
