// The state of a session as a trace holds it.
#pragma once

#include <vector>

#include "candidates/cpu/call/state.h"
#include "graph/state.h"
#include "trace/recording.h"

namespace plumb::candidates::cpu {

// What `state` holds for the tensors of its slot, in their order and with their axes
// (graph/state.h).
std::vector<trace::Tensor> state_tensors(const State& state,
                                         const std::vector<graph::StateTensor>& tensors);

}  // namespace plumb::candidates::cpu
