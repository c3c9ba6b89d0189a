// Judges candidates on one checkpoint: their recordings against the float64 reference, each tap
// beside what the candidate's precision makes by itself; and the reference against an oracle.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compare/evidence/truth.h"
#include "compare/verdict/oracle.h"
#include "graph/contract.h"
#include "reference/run.h"
#include "result/result.h"
#include "trace/recording.h"
#include "trace/trace_file.h"

namespace plumb::verdict {

using result::Result;

struct Subject {
  std::string case_name;
  std::string family;
  trace::Source* candidate = nullptr;
  std::string candidate_name;                       // as on the command line
  std::vector<trace::Prompt> prompts;               // to judge
  const graph::Contract* contract = nullptr;        // what the candidate's precision entitles it to
  trace::TapFilter taps = trace::TapFilter::all();  // that an in-tree candidate records
  int greedy_steps = 0;                     // of an in-tree candidate; a trace gives what it holds
  bool state_matrix = false;                // of an engine: every way of running a prompt, too
  bool tries_contracts = true;              // of one that fails: does another contract explain it?
  std::vector<std::string> unknown_causes;  // that a diagnosis is to do without, for a study
  std::vector<std::string> impossible;      // causes that nobody could make here: not weighed
  std::vector<std::string> notes;
  bool verdict_only = false;  // neither why it departs nor what a pass is worth, for a study
};

// What does not depend on the candidate is computed once: the float64 truth, and its agreement with
// the oracle. What is passed must outlive the judge; `oracle` may be null.
class Judge {
 public:
  Judge(const reference::Reference& reference, const trace::TraceFile* oracle)
      : truth_(reference), oracle_(oracle) {}

  // Throws InputError when a recording does not have the shapes of the graph.
  Result judge(const Subject& subject);
  // The same under the strictest contract that the candidate keeps. One weaker than its own is kept
  // only where it accounts for what the candidate departs by (contract_search.h).
  Result judge_under_best(const Subject& subject);

 private:
  class Session;

  Truth truth_;
  const trace::TraceFile* oracle_;
  std::map<std::vector<std::vector<int64_t>>, double> reference_matrices_;  // by prompts
};

}  // namespace plumb::verdict
