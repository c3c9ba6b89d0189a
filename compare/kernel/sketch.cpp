#include "compare/kernel/sketch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"

namespace plumb::kernel {

using base::InputError;
using graph::ValueId;
using reference::Matrix;
using trace::Tap;
using trace::TapId;

namespace {

constexpr int kLayer = 0;

Tap tap_of(TapId id) {
  return {id, trace::definition(id).in_layer ? kLayer : -1};
}

Matrix to_rows(const Tensor& tensor, size_t rows) {
  const std::vector<double> values = tensor.values();
  Matrix matrix = reference::make_matrix(rows, values.size() / rows);
  std::ranges::copy(values, matrix.data());
  return matrix;
}

void check_finite(const Plugged& plugged) {
  if (std::ranges::all_of(plugged.tensor.values(), [](double v) { return std::isfinite(v); }))
    return;
  throw InputError(plugged.tensor.where, plugged.tensor.item,
                   fmt::format("{} holds NaN or infinity", plugged.port->name),
                   "an op is judged on finite inputs");
}

}  // namespace

Sketch::Sketch(const KernelOp& op, Kinds kinds, std::vector<Plugged> inputs,
               std::vector<Plugged> outputs, const Shapes& shapes)
    : op_(op),
      kinds_(std::move(kinds)),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)),
      shapes_(shapes) {
  for (const Plugged& plugged : inputs_) check_finite(plugged);
  drawing_.graph.num_layers = kLayer + 1;
}

const Plugged* Sketch::find(const std::vector<Plugged>& all, std::string_view port) {
  const auto found =
      std::ranges::find_if(all, [&](const Plugged& plugged) { return plugged.port->name == port; });
  return found == all.end() ? nullptr : &*found;
}

const Plugged& Sketch::given(std::string_view port) const {
  const Plugged* const plugged = find(inputs_, port);
  base::ensure(plugged != nullptr, "what an op needs was given");
  return *plugged;
}

// The axes of a row, without the positions.
std::vector<int> Sketch::row_shape(const Plugged& plugged) const {
  const auto& extents = shapes_.extents(*plugged.port);
  return {extents.begin() + 1, extents.end()};
}

void Sketch::name(Tap tap, std::string_view port) {
  drawing_.names[tap] = port;
}

ValueId Sketch::add_input(std::vector<int> shape, Matrix rows, TapId tap,
                          const std::string& label) {
  const auto id = static_cast<ValueId>(drawing_.graph.values.size());
  drawing_.graph.values.push_back({.shape = std::move(shape), .taps = {tap_of(tap)}});
  drawing_.recorded[tap_of(tap)] = rows;
  drawing_.outset.inputs[id] = std::move(rows);
  name(tap_of(tap), label);
  return id;
}

ValueId Sketch::input(std::string_view port, TapId tap) {
  const Plugged& plugged = given(port);
  const auto rows = static_cast<size_t>(shapes_.at("T") * shapes_.batch());
  return add_input(row_shape(plugged), to_rows(plugged.tensor, rows), tap, std::string(port));
}

ValueId Sketch::joined(const std::vector<std::string_view>& ports, TapId tap) {
  const auto rows = static_cast<size_t>(shapes_.at("T") * shapes_.batch());
  std::vector<Matrix> parts;
  size_t width = 0;
  std::string label;
  for (const std::string_view port : ports) {
    parts.push_back(to_rows(given(port).tensor, rows));
    width += parts.back().shape(1);
    label += (label.empty() ? "" : ",") + std::string(port);
  }
  Matrix all = reference::make_matrix(rows, width);
  for (size_t t = 0; t < rows; ++t) {
    double* to = &all(t, 0);
    for (const Matrix& part : parts) to = std::ranges::copy(reference::row(part, t), to).out;
  }
  return add_input({static_cast<int>(width)}, std::move(all), tap, label);
}

ValueId Sketch::input_with_past(std::string_view port, TapId tap, size_t tensor) {
  const Plugged& plugged = given(port);
  const auto all = static_cast<size_t>(shapes_.extents(*plugged.port).front());
  const auto own = static_cast<size_t>(shapes_.at("T"));
  if (all == own) return input(port, tap);
  if (all < own || shapes_.batch() > 1) {
    throw InputError(plugged.tensor.where, plugged.tensor.item,
                     fmt::format("{} has {} positions beside {} of the queries", port, all, own),
                     all < own ? "give a key for each query, and those before them"
                               : "give one sequence where keys stand before its queries");
  }
  const Matrix rows = to_rows(plugged.tensor, all);
  past_[tensor] = reference::rows_of(rows, 0, all - own);
  return add_input(row_shape(plugged), reference::rows_of(rows, all - own, all), tap,
                   std::string(port));
}

model::WeightId Sketch::add_weight(const std::string& role, const Tensor& tensor,
                                   std::vector<int64_t> shape) {
  const model::WeightDeclaration declared{{kLayer, role}, std::move(shape)};
  Tensor held = tensor.plain() ? tensor : with_values(tensor, declared.shape, tensor.values());
  held.shape = declared.shape;
  drawing_.graph.weights.push_back(declared);
  drawing_.weights.emplace_back(declared.id, std::move(held));
  return declared.id;
}

model::WeightId Sketch::weight(std::string_view port, const std::string& role) {
  const Plugged& plugged = given(port);
  return add_weight(role, plugged.tensor, shapes_.extents(*plugged.port));
}

model::WeightId Sketch::weight_rows(std::string_view port, const std::string& role, int64_t first,
                                    int64_t count) {
  const Plugged& plugged = given(port);
  std::vector<int64_t> shape = shapes_.extents(*plugged.port);
  const int64_t all = shape.front();
  shape.front() = count;
  Tensor part = plugged.tensor;
  const size_t row = part.bytes.size() / static_cast<size_t>(all);
  part.bytes =
      part.bytes.subspan(static_cast<size_t>(first) * row, static_cast<size_t>(count) * row);
  part.shape = shape;
  return add_weight(role, part, shape);
}

ValueId Sketch::add(graph::OpKind kind, std::vector<ValueId> inputs, std::vector<int> shape,
                    std::vector<model::WeightId> weights) {
  drawing_.graph.ops.push_back({.kind = std::move(kind),
                                .layer = kLayer,
                                .inputs = std::move(inputs),
                                .outputs = {},
                                .weights = std::move(weights)});
  return another_output(std::move(shape));
}

ValueId Sketch::another_output(std::vector<int> shape) {
  graph::Graph& graph = drawing_.graph;
  const auto id = static_cast<ValueId>(graph.values.size());
  graph.values.push_back(
      {.shape = std::move(shape), .taps = {}, .producer = static_cast<int>(graph.ops.size()) - 1});
  graph.ops.back().outputs.push_back(id);
  return id;
}

void Sketch::tap(ValueId id, TapId tap) {
  drawing_.graph.value(id).taps.push_back(tap_of(tap));
}

void Sketch::output(std::string_view port, ValueId id, TapId which) {
  tap(id, which);
  name(tap_of(which), port);
  const Plugged* const plugged = find(outputs_, port);
  if (plugged == nullptr) return;
  const auto rows = static_cast<size_t>(shapes_.at("T") * shapes_.batch());
  drawing_.recorded[tap_of(which)] = to_rows(plugged->tensor, rows);
}

void Sketch::keep(const std::vector<std::pair<std::string_view, TapId>>& ports) {
  graph::Graph& graph = drawing_.graph;
  std::vector<Tap> taps;
  for (const auto& [port, id] : ports) {
    taps.push_back(tap_of(id));
    name(taps.back(), port);
    state_ports_.push_back(port);
  }
  const graph::Op& op = graph.ops.back();
  const int width = graph.value(op.inputs.front()).width();
  graph.slots.push_back(
      {.op = graph.ops.size() - 1, .tensors = graph::state_tensors(op.kind, width, taps)});
}

void Sketch::keep_output(std::string_view port, TapId which) {
  graph::Graph& graph = drawing_.graph;
  const std::vector<int> axes = graph.value(graph.ops.back().outputs.front()).shape;
  graph.slots.push_back({.op = graph.ops.size() - 1,
                         .outputs = true,
                         .tensors = {{.tap = tap_of(which), .per_position = true, .axes = axes}}});
  name(tap_of(which), port);
  state_ports_.push_back(port);
}

void Sketch::begin_state() {
  graph::Graph& graph = drawing_.graph;
  const auto as_traced = [&](const Plugged& plugged) {
    trace::Tensor tensor{.shape = {}, .values = plugged.tensor.values()};
    for (const int64_t extent : shapes_.extents(*plugged.port)) {
      tensor.shape.push_back(static_cast<size_t>(extent));
    }
    return tensor;
  };
  for (size_t k = 0; k < state_ports_.size(); ++k) {
    const graph::StateTensor& tensor = graph.slots.front().tensors[k];
    if (const Plugged* const in = find(inputs_, state_ports_[k])) {
      if (past_.contains(k)) {
        throw InputError(
            in->tensor.where, in->tensor.item,
            fmt::format("{} is given beside keys that stand before the queries", in->port->name),
            "give one of the two");
      }
      past_[k] = reference::from_trace(tensor, as_traced(*in));
    }
    if (const Plugged* const out = find(outputs_, state_ports_[k])) {
      drawing_.states[tensor.tap] = as_traced(*out);
    }
  }
  if (past_.empty()) return;
  if (past_.size() != state_ports_.size()) {
    throw InputError(std::string(op_.name), std::string(state_ports_[past_.contains(0) ? 1 : 0]),
                     "is not given", "give all that is carried, or nothing of it");
  }
  reference::State state(graph);
  for (const auto& [k, rows] : past_) {
    state.slot(0)[k] = rows;
    if (graph.slots.front().tensors[k].per_position) {
      state.position = static_cast<int64_t>(rows.shape(0));
    }
  }
  drawing_.outset.state = std::move(state);
}

Drawing Sketch::take() {
  graph::Graph& graph = drawing_.graph;
  if (!graph.slots.empty()) begin_state();
  for (const graph::Value& value : graph.values) {
    graph.hidden_size = std::max(graph.hidden_size, value.width());
  }
  graph.vocab_size = static_cast<int>(shapes_.at("T") * shapes_.batch());
  return std::move(drawing_);
}

}  // namespace plumb::kernel
