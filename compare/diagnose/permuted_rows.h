// Rows of a weight that stand elsewhere: each channel of what it gives is another channel of what
// it should give.
#pragma once

#include <optional>

#include "compare/diagnose/explanation.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// Where `first` is what one op made of recorded inputs, and every channel of it is another channel
// of its true value, or of what another recorded product made of the same input.
std::optional<Explanation> find_permuted_rows(const Trials& trials, const trace::Tap& first);

}  // namespace plumb::diagnose
