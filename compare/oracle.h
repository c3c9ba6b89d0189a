// The reference against an oracle: a trace in pure float64 from a producer that is trusted.
#pragma once

#include <optional>
#include <vector>

#include "compare/result.h"
#include "compare/truth.h"
#include "trace/trace_file.h"

namespace plumb::compare {

class OracleJudge {
 public:
  OracleJudge(const reference::Reference& reference, const trace::TraceFile& oracle);

  // The taps that the oracle recorded of this prompt; prompts meet by token ids.
  std::vector<trace::Tap> taps(const trace::Prompt& prompt) const;
  // Holds the truths of a prompt against the oracle's.
  void judge(const trace::Prompt& prompt, const Truths& truths);
  // The section for the report; adds a reason and sets `failed` where the reference is off.
  OracleSection finish(std::vector<Reason>& reasons, bool& failed) const;

 private:
  const trace::Prompt* find(const trace::Prompt& prompt) const;
  void judge_greedy(const trace::Prompt& prompt, const trace::Greedy& greedy);

  const reference::Reference& reference_;
  const trace::TraceFile& oracle_;
  OracleSection section_;
  int judged_ = 0;
};

}  // namespace plumb::compare
