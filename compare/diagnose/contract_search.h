// Which contract accounts for what a candidate departs by. Wide noise alone is no explanation: the
// error has to have the size of what the contract makes and, where its emulations agree on one, its
// direction. docs/judgement.md, "Contracts".
#pragma once

#include <set>
#include <vector>

#include "compare/diagnose/trial.h"
#include "graph/contract.h"

namespace plumb::diagnose {

// A candidate beside emulations of a contract.
struct ContractFit {
  const graph::Contract* contract = nullptr;
  double size = 0.0;       // RMS of the candidate's error over that of the contract
  TwoSample sample;        // over the taps that the contract explains
  double explained = 0.0;  // share of the candidate's error that one emulation has, too
  bool at_first = false;   // explains the tap at which the candidate departs
  std::set<trace::Tap> taps;
  size_t unexplained = 0;  // failing taps that it does not explain

  // Emulations agree on a direction, and the candidate has it.
  bool is_directed() const;
};

// The contracts other than the candidate's own that round anything else in this graph, explain the
// first of `failing` taps or most of them, and would show at no tap that the candidate has clean;
// the best first.
// `beside`: a mistake that the candidate makes besides; null: none.
std::vector<ContractFit> find_contracts(Truth& truth, const std::vector<Scene>& scenes,
                                        const std::set<trace::Tap>& failing,
                                        const trace::Tap& first, const Fault* beside = nullptr);

// Do both round every sub-step of this model alike, in calls of so many positions?
bool round_alike(const reference::Reference& reference, size_t queries, const graph::Contract& a,
                 const graph::Contract& b);

}  // namespace plumb::diagnose
