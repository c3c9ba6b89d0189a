// State faults: the mistakes people make with what a sequence carries from call to call, as edits
// of it between two calls. Each works for every family: it knows slots, not models.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reference/pieces.h"
#include "reference/run.h"
#include "trace/recording.h"

namespace plumb::library {

struct StateFault {
  std::string id;            // "conv_shifted"
  std::string says;          // for a person: "layer 2 shifts the inputs of its convolution ..."
  std::optional<int> layer;  // of the one slot it strikes; none: of all such slots
  std::vector<std::string> slots;  // what it gets wrong
  // What stands between two calls of a run with the mistake; one for each run, because it may
  // remember earlier calls.
  std::function<reference::Between()> make;
};

// What the faults of a run may need beside the graph.
struct StateScene {
  const reference::Reference& reference;
  const trace::Prompt& prompt;               // the run
  const std::vector<trace::Prompt>& others;  // what the engine may have run before it, or beside
};

// Those that an op with one of these indices can show, each for that slot and for all like it.
std::vector<StateFault> state_faults(const StateScene& scene, const std::vector<size_t>& ops);

// The calls of a run: its pieces, or the whole at once.
std::vector<size_t> calls_of(const trace::Prompt& prompt);

}  // namespace plumb::library
