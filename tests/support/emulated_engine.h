// An engine for tests: the reference under a precision contract, with rounding errors of its own
// and, where asked for, mistakes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "graph/contract.h"
#include "reference/run.h"
#include "tests/support/logprobs.h"
#include "trace/recording.h"

namespace plumb::tests {

struct EmulatedEngineOptions {
  const graph::Contract* contract = nullptr;
  uint64_t seed = 1;
  reference::RoundingMode mode = reference::RoundingMode::kNearest;
  std::string taps = "all";
  bool lists_logprobs = false;   // in the place of logits
  LogprobOptions logprobs = {};  // which
  const reference::Deviations* deviations = nullptr;
};

class EmulatedEngine : public trace::Source {
 public:
  EmulatedEngine(const reference::Reference& reference, const EmulatedEngineOptions& options);

  const trace::Producer& producer() const override { return producer_; }
  std::vector<trace::Prompt> prompts() const override { return {}; }
  std::unique_ptr<trace::Recording> record(const trace::Prompt& prompt,
                                           const trace::TapFilter& filter,
                                           int greedy_steps) override;

 private:
  const reference::Reference& reference_;
  EmulatedEngineOptions options_;
  trace::Producer producer_;
};

}  // namespace plumb::tests
