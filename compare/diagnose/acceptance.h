// When a mistake explains what a candidate recorded: docs/judgement.md, "Diagnosis".
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/dtype.h"
#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

// Was a mistake made in one layer, or in every layer?
enum class Width { kNarrow, kEither, kWide };

class Acceptance {
 public:
  // `first`: the tap at which the candidate departs. `trials` must outlive this.
  Acceptance(const Trials& trials, const trace::Tap& first);

  // The taps that fail by themselves; alone, or on the candidate's own inputs.
  const std::set<trace::Tap>& failing() const { return failing_; }

  // What a trial leaves unexplained: the sum of the logarithms of the RMS over the taps in
  // question.
  double score(const Trial& trial) const;
  double residual(const Trial& trial) const;
  // Does the mistake give what was recorded, by the exact run alone?
  bool closes(const Trial& trial) const;
  // The same, or does the candidate lie among emulations that make it?
  bool explains(const Trial& trial) const;
  // Does the candidate lie among emulations of a rounding? Then how far off, as a score.
  std::optional<double> score_rounding(const Trial& trial) const;
  // A cause that is right makes no other tap worse: this pins the layer.
  bool worsens(const Trial& trial) const;
  // What the taps say that the wide mistake touches and the narrow one does not.
  Width compare_widths(const Trial& narrow, const Trial& wide) const;
  // Do both make the same values?
  bool are_same(const Fault& a, const Fault& b) const;
  // Is the second, which has a free parameter, the first but for what noise makes of that?
  bool is_fit_of(const Fault& a, const Fault& b) const;
  // The failing taps that the mistake has nothing to do with.
  std::vector<trace::Tap> unexplained(const Trial& trial) const;
  // The first position that is off at the first tap, in any prompt, and whether it is the last one
  // in all of them.
  struct Onset {
    size_t position = 0;
    bool last = false;
  };
  Onset onset() const;
  // The channel of the first tap in which all of the difference is, if it is one.
  std::optional<int> only_channel() const;

 private:
  void add(const Scene& scene);

  const Trials& trials_;
  trace::Tap first_;
  base::DType storage_;
  bool alone_;
  std::set<trace::Tap> failing_;
  std::map<trace::Tap, Fit> null_;  // no mistake at all
};

}  // namespace plumb::diagnose
