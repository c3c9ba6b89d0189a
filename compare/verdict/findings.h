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

class Findings {
 public:
  explicit Findings(Result& result) : result_(result) {}

  void add(PromptFindings findings);
  // Of one run of each prompt: another run rounds alike, and chooses alike.
  void count(const PromptFindings& findings);
  void fail(Reason reason);
  void doubt(const std::string& gate, const std::string& tap, const std::string& message);
  // Fills in the taps, the drift, the oracle's section and the verdict.
  void finish(const std::optional<OracleJudge>& oracle);

 private:
  void fill_drift(const TapFigures& logits);
  void count_ties();

  Result& result_;
  std::map<trace::Tap, TapFigures> taps_;
  std::vector<double> flip_odds_;
  int others_ = 0;  // of the tokens with these odds, those that are not the best
  bool failed_ = false;
  bool doubtful_ = false;
};

}  // namespace plumb::verdict
