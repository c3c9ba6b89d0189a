// State slots: what an op keeps of a sequence from one call to the next.
//
// A sequence may be run in pieces (a prompt in chunks, then token by token) because three ops keep
// something of what went before; nothing else does. All of it is empty, or zero, at the start.
//
//   attention         keys and values as they enter the scores: of every position, or of the last
//                     `window` (a ring)
//   causal_conv       the last `kernel` inputs
//   gated_delta_rule  the recurrent state of each value head
//
// Of latent attention an engine may keep, instead of keys and values, the latents that they are
// expanded from: slots of the ops that give those, which read nothing back.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/ops.h"
#include "trace/tap.h"

namespace plumb::graph {

// One tensor of a slot, [rows, axes...]. In a trace it stands with these axes, the oldest row
// first; but what a convolution keeps stands there as [channels, kernel].
struct StateTensor {
  trace::Tap tap;
  bool per_position = false;  // a row a position, of which the oldest may have been dropped
  size_t rows = 0;            // at most; 0: as many as there are positions
  std::vector<int> axes;      // [kv heads, head_dim] | [channels] | [key_dim, value_dim]

  size_t width() const;
  // What a call after `positions` positions has to find: keys and values that no window hides.
  size_t needed_rows(size_t positions) const;
};

struct Slot {
  size_t op = 0;         // index in the graph
  bool outputs = false;  // what it keeps are its outputs, for the record
  std::vector<StateTensor> tensors;
};

// The tensors that an op keeps, named by `taps`; its first input has `width` channels.
std::vector<StateTensor> state_tensors(const OpKind& kind, int width,
                                       const std::vector<trace::Tap>& taps);

}  // namespace plumb::graph
