// Two mistakes at once, where one alone goes most of the way.
#pragma once

#include <optional>
#include <vector>

#include "compare/acceptance.h"
#include "compare/trial.h"

namespace plumb::compare {

// The pair that explains what was recorded, if one is certain: a fault that is one of `firsts`
// `with` one of `faults`. Pairs that give the same values are one.
std::optional<Trial> find_pair(const Trials& trials, const Acceptance& accept,
                               const std::vector<Trial>& firsts, const std::vector<Fault>& faults);

}  // namespace plumb::compare
