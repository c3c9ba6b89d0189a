// Two mistakes at once, where one alone goes most of the way.
#pragma once

#include <vector>

#include "compare/diagnose/acceptance.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// The pair that explains what was recorded, if one is certain: a fault that is one of `firsts`
// `with` one of `faults`. Where several do that give the same values, all of them, in the order of
// the library.
std::vector<Trial> find_pair(const Trials& trials, const Acceptance& accept,
                             const std::vector<Trial>& firsts, const std::vector<Fault>& faults);

}  // namespace plumb::diagnose
