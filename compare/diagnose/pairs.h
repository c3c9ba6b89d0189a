// Two mistakes at once.
#pragma once

#include <vector>

#include "compare/diagnose/acceptance.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// The pair that explains what was recorded, if one is certain: a fault `with` a second. Where
// several do that give the same values, all of them, in the order of the library. `ranked`: what
// was tried, best first. What goes most of the way may come with a second mistake; `alone`, from
// the logits, two may add up of which neither does.
std::vector<Trial> find_certain_pair(const Trials& trials, const Acceptance& accept,
                                     const std::vector<const Trial*>& ranked, bool alone);

}  // namespace plumb::diagnose
