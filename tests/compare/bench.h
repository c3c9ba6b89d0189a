// A model of the catalogue with a judge, and engines to put before it: right ones with rounding
// errors of their own, and ones with a planted mistake.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "compare/library/fault.h"
#include "compare/verdict/judge.h"
#include "tests/support/emulated_engine.h"
#include "tests/support/model.h"

namespace plumb::compare::testing {

using library::Fault;
using result::Result;
using verdict::Judge;

class Bench {
 public:
  explicit Bench(const std::string& case_name);
  Bench(const base::Json& config, uint64_t seed);

  const graph::Graph& graph() const { return model_->graph; }
  const reference::Reference& reference() const { return *reference_; }
  const std::vector<trace::Prompt>& prompts() const { return prompts_; }

  // Judges on the shortest prompt alone from here on.
  void keep_shortest_prompt();
  // Judges on one prompt of so many tokens from here on; on one that says one token so many times.
  void take_prompt_of(size_t tokens);
  void repeat_one_token(size_t times);

  // The fault of this cause at this place ("layer 1", "every layer", "final_norm").
  Fault fault(const std::string& cause, const std::string& place) const;

  // What an engine of `contract` gets that makes no mistake, or `fault`.
  struct Run {
    std::string contract = "float32";
    std::string taps = "all";
    uint64_t seed = 1;
    const Fault* fault = nullptr;
    std::string judged_by;  // another contract; empty: its own
    std::vector<std::string> unknown_causes = {};
    bool finds_contract = false;  // under the strictest that it keeps, `judged_by` being its own
    std::optional<tests::LogprobOptions> logprobs = {};  // in the place of logits
  };
  Result judge(const Run& run);
  Result judge(trace::Source& candidate, const std::string& contract, bool state_matrix = false,
               std::vector<std::string> unknown_causes = {}, bool finds_contract = false);

 private:
  std::unique_ptr<tests::SyntheticModel> model_;
  base::Threads threads_{1};
  std::unique_ptr<reference::Reference> reference_;
  std::vector<trace::Prompt> prompts_;
  std::unique_ptr<Judge> judge_;
};

// All reasons in one line, for the message of an assertion.
std::string reasons_of(const Result& result);

}  // namespace plumb::compare::testing
