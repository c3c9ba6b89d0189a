// Faults tried on what a candidate recorded: does the forward with this mistake give its values?
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/function_ref.h"
#include "compare/evidence/evidence.h"
#include "compare/library/fault.h"
#include "compare/measure/fit.h"

namespace plumb::diagnose {

using evidence::Evidence;
using evidence::PromptSubject;
using evidence::Truth;
using evidence::Values;
using library::Fault;
using library::Mutant;
using library::Mutation;
using measure::Bits;
using measure::Fit;
using measure::Floor;
using reference::Matrix;

// One prompt, as faults are tried on it.
struct Scene {
  const PromptSubject& subject;
  const Evidence& evidence;

  const Matrix& truth(const trace::Tap& tap) const;
  const Floor& floor(const trace::Tap& tap) const;
};

// A candidate beside emulated replicas that make the mistake themselves.
struct TwoSample {
  double ratio = 0.0;      // RMS(candidate - replica) / RMS(replica - replica)
  double likeness = 0.0;   // correlation of the candidate's difference with a replica's
  double coherence = 0.0;  // of one replica's with another's
};

class Trial {
 public:
  Trial(Fault fault, std::vector<trace::Tap> touched)
      : fault_(std::move(fault)), touched_(std::move(touched)) {}

  const Fault& fault() const { return fault_; }
  // The recorded taps that the mistake shows at first.
  const std::vector<trace::Tap>& touched() const { return touched_; }
  bool touches(const trace::Tap& tap) const { return fits_.contains(tap); }
  const std::map<trace::Tap, Fit>& fits() const { return fits_; }
  // Over these taps; those that the mistake does not touch do not count.
  Fit fit(const std::set<trace::Tap>& taps) const;
  // The correlation at the position in the middle of all by that, of those that are off: one expert
  // that tips over makes most of a tensor's difference at a single position.
  double middle_correlation(const std::set<trace::Tap>& taps) const;

 private:
  friend class Trials;
  Fault fault_;
  std::vector<trace::Tap> touched_;
  std::map<trace::Tap, Fit> fits_;
  std::map<trace::Tap, std::vector<double>> correlations_;  // of positions that are off
};

class Trials {
 public:
  Trials(Truth& truth, std::vector<Scene> scenes) : truth_(truth), scenes_(std::move(scenes)) {}

  const graph::Graph& graph() const { return truth_.graph(); }
  const std::vector<Scene>& scenes() const { return scenes_; }

  // Products of two numbers that one trial takes on a model and prompts of this size, about.
  double products_of_one() const;
  // A recorded tap to which the mistake gives another shape: a recording of this shape refutes it.
  std::optional<trace::Tap> reshaped_by(const Fault& fault) const;

  // Calls look(scene, tap, values) for what an exact run with the mistake makes of each touched
  // tap, until it returns false.
  void visit(const Fault& fault,
             base::FunctionRef<bool(const Scene&, const trace::Tap&, const Matrix&)> look) const;
  // An exact run for most faults; for a rounding one emulation.
  Trial run(const Fault& fault) const;
  // In 16 bits: the candidate beside an emulation of the mistake, at the touched taps.
  std::map<trace::Tap, Bits> count_bits(const Fault& fault) const;
  TwoSample compare(const Fault& fault, const std::set<trace::Tap>& taps) const;
  // Two mistakes beside each other: the candidate's and the second's difference from the first.
  Fit contrast(const Fault& a, const Fault& b, const std::set<trace::Tap>& taps) const;

 private:
  std::vector<trace::Tap> touched_by(const Mutation& mutation) const;
  Values values(const Scene& scene, const Mutant& mutant, const Mutation& mutation,
                const std::vector<trace::Tap>& taps, int replicas) const;

  Truth& truth_;
  std::vector<Scene> scenes_;
};

}  // namespace plumb::diagnose
