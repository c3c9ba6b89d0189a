// How causes are told: which of those that give the same values, in which order, with what would
// tell them apart and what they leave.
#pragma once

#include <set>
#include <string_view>
#include <vector>

#include "compare/diagnose/acceptance.h"
#include "compare/diagnose/explanation.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// Begins the note on taps that a cause has nothing to do with.
inline constexpr std::string_view kNotExplained = "not explained by ";

Diagnosis describe(const Fault& fault, double explained);

// What it is made with must outlive it.
class Telling {
 public:
  Telling(const graph::Graph& graph, const Trials& trials, const Acceptance& accept)
      : graph_(graph), trials_(trials), accept_(accept) {}

  // Causes that give the same values.
  Explanation explain(std::vector<const Trial*> causes) const;
  // Pairs that do: the first is told, the others are noted.
  Explanation explain_two(const std::vector<Trial>& pairs) const;
  // Where nothing is certain: what comes nearest, where it comes near enough to help.
  void note_nearest(const std::vector<const Trial*>& ranked, Explanation& unknown) const;
  // The failing taps that are not among those touched.
  void note_unexplained(const std::set<trace::Tap>& touched, Explanation& explanation) const;

 private:
  Diagnosis cause(const Trial& trial) const;
  void note_group(const std::vector<const Trial*>& causes, Explanation& explanation) const;

  const graph::Graph& graph_;
  const Trials& trials_;
  const Acceptance& accept_;
};

}  // namespace plumb::diagnose
