// Deviations from an op that none of its attributes describes: mistakes to be tried.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/dtype.h"
#include "graph/graph.h"

namespace plumb::reference {

// The part of an op's first output that deviates; elsewhere it is what `op` makes of the inputs.
struct Restriction {
  graph::Op op;
  size_t first_position = 0;
  bool last_position = false;  // the last position of a sequence alone
  int head = 0;
  int heads = 1;  // that share the columns
};

// A sub-step that is rounded to `dtype`, or (a sum) accumulated in it, whatever the contract says.
struct StepRounding {
  int step = 0;
  base::DType dtype = base::DType::kF32;
};

struct Deviation {
  double position_factor = 1.0;  // rope: on the position
  int64_t position_shift = 0;    // rope, position_scale, position_embedding: added to the position;
                                 // causal_conv: the input read lies this many positions later
  int64_t lookahead = 0;         // attention: keys after its own that a query sees; -1: nor its own
  int64_t wider_window = 0;      // attention: keys more than its window that a query sees
  bool tiled_heads = false;      // head h reads key head h % key heads, not h / group
  bool unit_length = true;       // gated_delta_rule: q and k are brought to unit length
  bool read_first = false;       // gated_delta_rule: output from the state before the update
  bool biased_weights = false;   // route: weights are the scores with their correction
  bool equal_weights = false;    // route: every chosen expert has the mean weight
  bool closed_to_zero = false;   // route: experts of closed groups count as 0, and may be chosen
  bool bias_unweighted = false;  // experts: the last bias is added as it is
  bool weighted_input = false;   // experts: the weight is on what an expert reads
  bool glu_offset = true;        // experts: a clamped unit adds 1 to up
  double length_factor = 1.0;    // gated_delta_rule: the length that q and k are brought to
  bool chunked = false;          // attention: its window is the chunk that a query stands in
  bool sinkless = false;         // attention: no sink
  bool untransposed = false;     // attention: [heads, positions, dim] taken for its output
  int64_t token_shift = 0;       // embedding: added to the token, within the vocabulary
  std::optional<base::DType> positions;  // rope: holds positions in this type
  std::vector<double> frequencies;       // rope: instead of its own
  std::optional<graph::Rope> turned;     // its output is rotated so
  std::vector<size_t> order;  // column j of its first output is what it makes for column order[j]
  double factor = 1.0;        // on the op's outputs
  std::vector<StepRounding> roundings;
  std::optional<Restriction> restriction;
};

// By index of the op in the graph.
using Deviations = std::map<size_t, Deviation>;

}  // namespace plumb::reference
