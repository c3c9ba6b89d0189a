// What a diagnosis says of why a candidate departs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "compare/library/fault.h"
#include "result/result.h"

namespace plumb::diagnose {

using result::Diagnosis;

struct Explanation {
  std::vector<Diagnosis> causes;          // best first; empty where none is certain
  std::vector<std::string> notes;         // what is nearest where none is
  std::vector<size_t> ops;                // of the best cause, in the order of the graph
  std::vector<library::Fault> near = {};  // where none is certain: what goes some of the way
};

}  // namespace plumb::diagnose
