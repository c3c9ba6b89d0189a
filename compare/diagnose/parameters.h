// The parameter of a mistake that is continuous: which theta, which factor.
#pragma once

#include <vector>

#include "compare/diagnose/acceptance.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// The best trial of the fault as its own parameter is moved, by Gauss-Newton on its logarithm.
Trial fit_parameter(const Trials& trials, const Acceptance& accept, const Trial& start);

// The fault, and with its parameter rounded to few digits: people choose round numbers.
std::vector<Fault> rounded(const Fault& fault);

}  // namespace plumb::diagnose
