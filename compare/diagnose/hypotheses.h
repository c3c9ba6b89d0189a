// Which mistakes are tried on a departure, and where in the model.
#pragma once

#include <vector>

#include "compare/diagnose/acceptance.h"
#include "compare/library/fault.h"

namespace plumb::diagnose {

struct Hypotheses {
  std::vector<Fault> narrow;  // tried first
  std::vector<Fault> wide;    // those that strike other segments too
};

// All that apply but `unknown_causes`; with segments to look at, those that strike the one before
// the first departure.
Hypotheses find_hypotheses(const Trials& trials, const trace::Tap& first,
                           const std::vector<std::string>& unknown_causes);

// What strikes one segment, made in every layer.
std::vector<Fault> widened(const Hypotheses& hypotheses, const Fault& fault);

// The faults confined to the positions from which on the candidate is off, to the one channel in
// which it is, and, of those that go some of the way (`likely`), to single heads.
std::vector<Fault> confine(const std::vector<Fault>& faults, const std::vector<Fault>& likely,
                           const Trials& trials, const Acceptance& accept, const trace::Tap& first);

}  // namespace plumb::diagnose
