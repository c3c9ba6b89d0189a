// What a candidate's state holds after its last call, against what the reference's holds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compare/evidence/evidence.h"
#include "compare/verdict/tap_figures.h"

namespace plumb::verdict {

using evidence::Evidence;
using evidence::PromptSubject;
using evidence::Truth;

// One recorded state tensor beside its truth.
struct StateFinding {
  trace::Tap tap;
  TapFigures figures;
  std::string failure;  // empty where it is as it has to be
};

// In the order of the taps; empty where no state was recorded.
std::vector<StateFinding> judge_states(const Truth& truth, const PromptSubject& subject,
                                       const Evidence& evidence);

}  // namespace plumb::verdict
