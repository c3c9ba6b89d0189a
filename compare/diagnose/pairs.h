// Two mistakes at once.
#pragma once

#include <vector>

#include "compare/diagnose/acceptance.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// The pair that explains what was recorded, if one is certain: a fault that is one of `firsts`
// `with` one of `seconds`. Where several do that give the same values, all of them, in the order of
// the library. From logits alone, those seconds are run whose effect is like what the first leaves.
std::vector<Trial> find_pair(const Trials& trials, const Acceptance& accept,
                             const std::vector<Trial>& firsts,
                             const std::vector<const Trial*>& seconds);

// The same among all pairs of `singles`, from logits alone: the pairs whose effects add up to most
// of the difference are run.
std::vector<Trial> find_any_pair(const Trials& trials, const Acceptance& accept,
                                 const std::vector<const Trial*>& singles);

}  // namespace plumb::diagnose
