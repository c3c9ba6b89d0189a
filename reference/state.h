// What a sequence carries from one call to the next: its position, and a matrix for each tensor of
// each slot of the graph (graph/state.h).
//
// float64, rows oldest first: keys and values [positions kept, kv heads * dim]; the inputs of a
// convolution [up to kernel, channels]; a recurrent state [value heads * key_dim, value_dim], zeros
// at the start. A value: a copy is a snapshot, assigning one back restores it.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "reference/matrix.h"
#include "trace/recording.h"

namespace plumb::reference {

class State {
 public:
  explicit State(const graph::Graph& graph);

  // Where the next token stands.
  int64_t position = 0;

  // The tensors of the graph's slot.
  std::vector<Matrix>& slot(size_t index) { return slots_[index]; }
  const std::vector<Matrix>& slot(size_t index) const { return slots_[index]; }
  const Matrix& at(const graph::Graph& graph, const trace::Tap& tap) const;

 private:
  std::vector<std::vector<Matrix>> slots_;
};

// Rows [first, end) of a matrix.
Matrix rows_of(const Matrix& m, size_t first, size_t end);

// `before`, and then rows [first, end) of `m`; of all these the last `most` (0: all).
Matrix appended(const Matrix& before, const Matrix& m, size_t first, size_t end, size_t most);

// A tensor of the state with all its rows: what a convolution has not yet seen is zero.
Matrix state_rows(const graph::StateTensor& tensor, const Matrix& value);

// A tensor of the state as it stands in a trace, and back.
Matrix from_trace(const graph::StateTensor& tensor, const trace::Tensor& recorded);
trace::Tensor state_tensor(const graph::StateTensor& tensor, const Matrix& value);

}  // namespace plumb::reference
