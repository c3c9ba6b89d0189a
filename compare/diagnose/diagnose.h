// Why a candidate departs: the fault, among those that apply, whose forward gives the candidate's
// values. A name is given only where it is certain; "unknown" is an answer.
#pragma once

#include <string>
#include <vector>

#include "compare/diagnose/explanation.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// `first`: the tap at which the candidate departs. `unknown_causes` are left out of the library.
Explanation diagnose(Truth& truth, const std::vector<Scene>& scenes, const trace::Tap& first,
                     const std::vector<std::string>& unknown_causes);

// The same by the numbers that it gives to the bit alone, in 16 bits.
Explanation diagnose_bits(Truth& truth, const std::vector<Scene>& scenes, const trace::Tap& first,
                          const std::vector<std::string>& unknown_causes);

}  // namespace plumb::diagnose
