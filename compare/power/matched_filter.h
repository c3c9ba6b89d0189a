// Mistakes too small for the gates, at 16-bit logits: is the candidate off in the direction of one?
//
// beta is the share of a mistake's effect in the candidate's difference, both in floors: 1 where
// the mistake is made, 0 where it is not. Its noise is measured on emulations with dithered
// rounding: those that round to nearest share their decisions with any engine that does. Noise at
// the logits is correlated between channels, so no formula stands in. docs/judgement.md, "Matched
// filter".
#pragma once

#include <vector>

#include "compare/diagnose/trial.h"

namespace plumb::power {

using diagnose::Scene;
using diagnose::Trials;
using evidence::Truth;
using library::Fault;
using reference::Matrix;

struct Match {
  Fault fault;
  double beta = 0.0;
  double sigma = 0.0;  // of beta, in correct engines

  double deviations() const { return beta / sigma; }
};

class MatchedFilter {
 public:
  // The scenes hold logits alone.
  MatchedFilter(Truth& truth, const std::vector<Scene>& scenes, int replicas);

  // Does the memory suffice, and the time for all mistakes?
  static bool is_affordable(Truth& truth, const std::vector<Scene>& scenes);

  // Mistakes that change the logits, the likeliest first.
  std::vector<Match> match(const std::vector<Fault>& faults) const;

 private:
  Trials trials_;
  int replicas_;
  // Of each scene: noise over floor of all replicas, one under another.
  std::vector<Matrix> noise_;
};

// Every mistake that an exact run shows; those that stand out, again on more replicas.
// `unknown_causes` are left out.
std::vector<Match> match_all(Truth& truth, const std::vector<Scene>& scenes,
                             const std::vector<std::string>& unknown_causes);

}  // namespace plumb::power
