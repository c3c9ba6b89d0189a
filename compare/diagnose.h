// Why a candidate departs: the fault, among those that apply, whose forward gives the candidate's
// values. A name is given only where it is certain; "unknown" is an answer.
#pragma once

#include <string>
#include <vector>

#include "compare/result.h"
#include "compare/trial.h"

namespace plumb::compare {

struct Explanation {
  std::vector<Diagnosis> causes;   // best first; empty where none is certain
  std::vector<std::string> notes;  // what is nearest where none is
  std::vector<size_t> ops;         // of the best cause, in the order of the graph
  std::vector<trace::Tap> left = {};  // that fail by themselves and are none of the cause's business
};

// `first`: the tap at which the candidate departs. `unknown_causes` are left out of the library.
Explanation diagnose(Truth& truth, const std::vector<Scene>& scenes, const trace::Tap& first,
                     const std::vector<std::string>& unknown_causes);

// The same by the numbers that it gives to the bit alone, in 16 bits.
Explanation diagnose_bits(Truth& truth, const std::vector<Scene>& scenes, const trace::Tap& first,
                          const std::vector<std::string>& unknown_causes);

}  // namespace plumb::compare
