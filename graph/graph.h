// The forward as data: a list of ops over values, in the order of execution.
//
// A value is one matrix [T, width], T the positions of a call; `shape` splits a row into its axes
// (heads, head_dim). Values are written once. A value may be visible as taps.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ops.h"
#include "graph/state.h"
#include "model/tensor_names.h"
#include "trace/tap.h"

namespace plumb::graph {

using ValueId = int;

struct Value {
  std::vector<int> shape;        // of one position
  std::vector<trace::Tap> taps;  // the names under which it can be recorded; mostly one or none
  int producer = -1;             // index of the op

  int width() const;
};

struct Op {
  OpKind kind;
  int layer = -1;  // -1 outside the layers
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<model::WeightId> weights;  // in the order that the op's row in op_table.cpp gives

  std::string_view name() const;
};

struct Graph {
  int vocab_size = 0;
  int hidden_size = 0;
  int num_layers = 0;
  std::vector<Op> ops;
  std::vector<Value> values;
  std::vector<Slot> slots;  // in the order of their ops
  std::vector<model::WeightDeclaration> weights;

  const Value& value(ValueId id) const { return values[static_cast<size_t>(id)]; }
  Value& value(ValueId id) { return values[static_cast<size_t>(id)]; }
  std::optional<ValueId> find(const trace::Tap& tap) const;
  // Every tap that a run of this graph can record, in the order of a forward.
  std::vector<trace::Tap> taps() const;
  // The taps of the state, in the order of a forward.
  std::vector<trace::Tap> state_taps() const;
  // Null for an op, and a tap, that has none.
  const Slot* slot_of(size_t op) const;
  const StateTensor* find_state(const trace::Tap& tap) const;
  // The shape of a tap's tensor for `positions` positions.
  std::vector<size_t> tap_shape(const trace::Tap& tap, size_t positions) const;
};

// True where a position's result depends on how long the whole sequence is (a dynamic rope or a
// longrope), so that a prefix of a run is not the run of the prefix.
bool depends_on_length(const Graph& graph);

}  // namespace plumb::graph
