// The mistake whose emulation gives a 16-bit candidate's own numbers: it names what is far below
// the noise of the precision. docs/judgement.md, "Bits".
#pragma once

#include <vector>

#include "compare/bit_judge.h"

namespace plumb::compare {

struct BitCause {
  Fault fault;
  double explained = 0.0;  // of the numbers that differ
};

class BitCauses {
 public:
  // `first`: the tap at which the candidate departs. All must outlive this.
  BitCauses(const Trials& trials, const BitJudge& judge, const trace::Tap& first);

  // The mistake that leaves the fewest numbers different, if it is certain, and those that give the
  // same.
  std::vector<BitCause> find(const std::vector<Fault>& faults);

 private:
  struct Tried {
    Fault fault;
    std::map<trace::Tap, Bits> bits;
    double left;  // numbers that differ, over all taps
  };

  void attempt(const Fault& fault);
  // The failing taps that a mistake touches.
  std::set<trace::Tap> explained_by(const Tried& tried) const;
  Bits left_at(const std::set<trace::Tap>& taps, const Tried* tried) const;
  bool is_certain(const Tried& tried) const;
  bool worsens(const Tried& tried) const;
  static bool is_as_good(const Tried& tried, const Tried& best);

  const Trials& trials_;
  const BitJudge& judge_;
  trace::Tap first_;
  std::set<trace::Tap> failing_;
  double null_ = 0.0;
  std::vector<Tried> tried_;
};

}  // namespace plumb::compare
