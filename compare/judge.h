// Judges one candidate on one checkpoint: its recordings against the float64 reference, each tap
// beside what the candidate's precision makes by itself; and the reference against an oracle.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compare/result.h"
#include "compare/truth.h"
#include "graph/contract.h"
#include "reference/run.h"
#include "trace/recording.h"
#include "trace/trace_file.h"

namespace plumb::compare {

struct Subject {
  std::string case_name;
  std::string family;
  const reference::Reference* reference = nullptr;
  trace::Source* candidate = nullptr;
  std::string candidate_name;             // as on the command line
  std::vector<trace::Prompt> prompts;     // to judge
  const trace::TraceFile* oracle = nullptr;  // may be null
  const graph::Contract* contract = nullptr;  // what the candidate's precision entitles it to
  int greedy_steps = 0;                   // of an in-tree candidate; a trace gives what it holds
  std::vector<std::string> notes;
};

// Throws InputError when a recording does not have the shapes of the graph.
Result judge(const Subject& subject);

}  // namespace plumb::compare
