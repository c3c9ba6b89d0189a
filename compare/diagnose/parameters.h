// The parameter of a mistake that is continuous: which theta, which factor.
#pragma once

#include <optional>
#include <vector>

#include "compare/diagnose/acceptance.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// The value of a fault's continuous parameter at which nothing is wrong; none where there is no one
// such value.
std::optional<double> own_parameter(const graph::Graph& graph, const Fault& fault);
// The fault with a parameter a small step beside that.
std::optional<Fault> beside_own(const graph::Graph& graph, const Fault& fault);

// Nobody gets a factor wrong by next to nothing: what fits so is another mistake's shadow.
bool is_told(const Fault& fault);

// The best trial of the fault as its own parameter is moved, by Gauss-Newton on its logarithm.
Trial fit_parameter(const Trials& trials, const Acceptance& accept, const Trial& start);

// The same with a parameter of few digits, where that explains as much.
Trial snap_parameter(const Trials& trials, const Acceptance& accept, const Trial& fitted);

// The fault, and with its parameter rounded to few digits: people choose round numbers.
std::vector<Fault> rounded(const Fault& fault);

}  // namespace plumb::diagnose
