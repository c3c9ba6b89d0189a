// The findings of all prompts of one candidate, on their way to a result.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/verdict/oracle.h"
#include "compare/verdict/prompt_judge.h"
#include "result/result.h"

namespace plumb::verdict {

using result::Result;
using result::Verdict;

class Findings {
 public:
  // `end`: what the forward ends with, whose figures are the drift.
  explicit Findings(Result& result, trace::Tap end = evidence::kLogits)
      : result_(result), end_(end) {}

  void add(PromptFindings findings);
  // Of one run of each prompt: another run rounds alike, and chooses alike.
  void count(const PromptFindings& findings);
  // What cannot be; and what leaves open whether it can.
  void fail(Reason reason);
  void doubt(Reason reason);
  // Counts ties and fills in the taps, the drift and the oracle's section.
  void settle(const std::optional<OracleJudge>& oracle);
  // What all that was found comes to: nothing else sets a verdict.
  Verdict verdict() const;

 private:
  void fill_drift(const TapFigures& end);
  void count_ties();

  Result& result_;
  trace::Tap end_;
  std::map<trace::Tap, TapFigures> taps_;
  std::vector<double> flip_odds_;
  int others_ = 0;  // of the tokens with these odds, those that are not the best
  bool failed_ = false;
  bool doubtful_ = false;
};

}  // namespace plumb::verdict
