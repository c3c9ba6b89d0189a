// What a diagnosis says of why a candidate departs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "compare/library/fault.h"
#include "result/result.h"
#include "trace/tap.h"

namespace plumb::diagnose {

using result::Diagnosis;

struct Explanation {
  std::vector<Diagnosis> causes;   // best first; empty where none is certain
  std::vector<std::string> notes;  // what is nearest where none is
  std::vector<size_t> ops;         // of the best cause, in the order of the graph
  // Those that fail by themselves and are none of the cause's business.
  std::vector<trace::Tap> left = {};
  // Where none is certain: what goes some of the way.
  std::vector<library::Fault> near = {};
};

}  // namespace plumb::diagnose
