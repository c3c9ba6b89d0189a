// One corrupted weight: the error of its op is one input, times a number, in one output channel.
#pragma once

#include <optional>

#include "compare/diagnose/explanation.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// Where `first` is what a projection made of a recorded input, and all of its error is in
// `channel`.
std::optional<Explanation> find_wrong_weight(const Trials& trials, const trace::Tap& first,
                                             int channel);

}  // namespace plumb::diagnose
