// The mistake whose emulation gives a 16-bit candidate's own numbers: it names what is far below
// the noise of the precision. docs/judgement.md, "Bits".
#pragma once

#include <vector>

#include "compare/diagnose/bit_judge.h"
#include "compare/diagnose/hypotheses.h"

namespace plumb::diagnose {

struct BitCause {
  Fault fault;
  double explained = 0.0;  // of the numbers that differ
};

// The mistake that leaves the fewest numbers different, if it is certain, and those that explain as
// well; empty too where the candidate has a contract of its own. `first`: the tap at which it
// departs; what is certain in one segment is tried in all that `hypotheses` knows.
std::vector<BitCause> find_bit_causes(const Trials& trials, const BitJudge& judge,
                                      const trace::Tap& first, const Hypotheses& hypotheses,
                                      const std::vector<Fault>& faults);

}  // namespace plumb::diagnose
