// What a candidate's state holds after its last call, against what the reference's holds.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/evidence.h"
#include "compare/prompt_judge.h"

namespace plumb::compare {

// One recorded state tensor beside its truth.
struct StateFinding {
  trace::Tap tap;
  TapFigures figures;
  std::string failure;  // empty where it is as it has to be
};

// In the order of the taps; empty where no state was recorded.
std::vector<StateFinding> judge_states(const Truth& truth, const PromptSubject& subject,
                                       const Evidence& evidence);

// Does the op turn with the position?
bool turns_with_position(const graph::OpKind& kind);

// What an op of the graph depends on from earlier calls: the names of its slot's tensors, or
// "position" for an op that turns with it; empty for all others.
std::vector<std::string> carried_by(const graph::Graph& graph, size_t op);

}  // namespace plumb::compare
