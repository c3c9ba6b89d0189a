// Where fits of continuous parameters start: which mistakes are worth one, and from which value.
#pragma once

#include <vector>

#include "compare/diagnose/acceptance.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// Of all mistakes with a continuous parameter that were tried, those in whose direction most of the
// difference lies, each at the value that shows it best: one that was tried, or one a small step
// beside what the model has, where the effect of a small mistake is linear. A few of each kind.
// `tried` comes in the order of what it leaves.
std::vector<Trial> find_starts(const Trials& trials, const Acceptance& accept,
                               const std::vector<const Trial*>& tried);

// The same mistake at the same place, but for its parameter.
bool is_repeated(const Fault& a, const Fault& b);

// Has its parameter a value that the library lists?
bool is_of_library(const Fault& fault);

}  // namespace plumb::diagnose
