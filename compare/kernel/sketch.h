// One op's call, on its way to a graph with its inputs, weights and what was recorded of it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "compare/kernel/shapes.h"
#include "graph/graph.h"
#include "reference/run.h"

namespace plumb::kernel {

// What can be judged: a small graph, and what its values are given and gave.
struct Drawing {
  graph::Graph graph;
  std::vector<std::pair<model::WeightId, Tensor>> weights;  // of a plain type
  reference::Outset outset;
  // The inputs as they are, and the outputs as they were recorded: all rows of each.
  std::map<trace::Tap, reference::Matrix> recorded;
  std::map<trace::Tap, trace::Tensor> states;
  std::map<trace::Tap, std::string> names;  // what the caller calls each tap
};

class Sketch {
 public:
  Sketch(const KernelOp& op, Kinds kinds, std::vector<Plugged> inputs, std::vector<Plugged> outputs,
         const Shapes& shapes);

  Drawing take();

  bool has(std::string_view input) const { return find(inputs_, input) != nullptr; }
  bool gives(std::string_view output) const { return find(outputs_, output) != nullptr; }
  int size(std::string_view axis) const { return static_cast<int>(shapes_.at(axis)); }
  // The `index`-th of the op's kinds that is one of these.
  template <class Kind>
  const Kind& kind(size_t index = 0) const {
    for (const graph::OpKind& any : kinds_) {
      const Kind* const found = std::get_if<Kind>(&any);
      if (found != nullptr && index-- == 0) return *found;
    }
    throw base::InternalError("an op is made of its kinds");
  }

  graph::ValueId input(std::string_view port, trace::TapId tap);
  // Several, side by side in one row: [q | k | v].
  graph::ValueId joined(const std::vector<std::string_view>& ports, trace::TapId tap);
  model::WeightId weight(std::string_view port, const std::string& role);
  // Rows [first, first + count) of it, as a weight of their own.
  model::WeightId weight_rows(std::string_view port, const std::string& role, int64_t first,
                              int64_t count);
  graph::ValueId add(graph::OpKind kind, std::vector<graph::ValueId> inputs, std::vector<int> shape,
                     std::vector<model::WeightId> weights = {});
  graph::ValueId another_output(std::vector<int> shape);
  const std::vector<int>& shape(graph::ValueId id) const { return drawing_.graph.value(id).shape; }
  void tap(graph::ValueId id, trace::TapId tap);
  // The value is the op's output of this name, recorded or not.
  void output(std::string_view port, graph::ValueId id, trace::TapId tap);
  // What the last op keeps, by the state ports of these names: begun from, recorded.
  void keep(const std::vector<std::pair<std::string_view, trace::TapId>>& ports);
  // The same for an op whose outputs are kept.
  void keep_output(std::string_view port, trace::TapId tap);
  // Of an input with more positions than T, those before it begin the state.
  graph::ValueId input_with_past(std::string_view port, trace::TapId tap, size_t tensor);

 private:
  static const Plugged* find(const std::vector<Plugged>& all, std::string_view port);
  const Plugged& given(std::string_view port) const;
  std::vector<int> row_shape(const Plugged& plugged) const;
  graph::ValueId add_input(std::vector<int> shape, reference::Matrix rows, trace::TapId tap,
                           const std::string& name);
  model::WeightId add_weight(const std::string& role, const Tensor& tensor,
                             std::vector<int64_t> shape);
  void name(trace::Tap tap, std::string_view port);
  void begin_state();
  void record_states();

  const KernelOp& op_;
  Kinds kinds_;
  std::vector<Plugged> inputs_;
  std::vector<Plugged> outputs_;
  const Shapes& shapes_;
  Drawing drawing_;
  std::vector<std::string_view> state_ports_;  // by tensor of the one slot
  std::map<size_t, reference::Matrix> past_;   // by tensor of the one slot
};

}  // namespace plumb::kernel
