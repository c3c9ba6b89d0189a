// The reference against an oracle: a trace in pure float64 from a producer that is trusted.
#pragma once

#include <optional>
#include <vector>

#include "compare/evidence/truth.h"
#include "result/result.h"
#include "trace/trace_file.h"

namespace plumb::verdict {

using evidence::Recorded;
using evidence::Truth;
using reference::Matrix;
using result::OracleSection;
using result::Reason;

class OracleJudge {
 public:
  OracleJudge(Truth& truth, const trace::TraceFile& oracle);

  // Holds the truth of a prompt against the oracle's, at every tap that the oracle recorded of it;
  // prompts meet by token ids. `other_taps` will be wanted of the same truth next.
  void judge(const trace::Prompt& prompt, const std::vector<trace::Tap>& other_taps);
  // The section for the report.
  OracleSection section() const;
  // Where the reference is off.
  std::optional<Reason> objection() const;

 private:
  const trace::Prompt* find(const trace::Prompt& prompt) const;
  bool agrees() const;
  void judge_logits(const Matrix& ours, const Recorded& recorded);
  void judge_greedy(const trace::Prompt& prompt, const std::vector<int64_t>& tokens);

  Truth& truth_;
  const trace::TraceFile& oracle_;
  OracleSection section_;
  int judged_ = 0;
};

}  // namespace plumb::verdict
