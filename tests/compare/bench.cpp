#include "tests/compare/bench.h"

#include <algorithm>

#include "base/errors.h"
#include "base/random.h"
#include "fixtures/catalogue.h"

namespace plumb::compare::testing {

using library::applicable_faults;
using library::Mutant;
using library::Mutation;
using result::Reason;
using verdict::Subject;

Bench::Bench(const std::string& case_name)
    : Bench(tests::read_case(case_name).config, tests::read_case(case_name).seed) {}

Bench::Bench(const base::Json& config, uint64_t seed)
    : model_(std::make_unique<tests::SyntheticModel>(config, seed)),
      reference_(std::make_unique<reference::Reference>(model_->graph, model_->weights, threads_)),
      prompts_(fixtures::default_prompts(model_->graph.vocab_size,
                                         model_->config.spec.max_position_embeddings, seed)),
      judge_(std::make_unique<Judge>(*reference_, nullptr)) {}

void Bench::keep_shortest_prompt() {
  prompts_ = {*std::min_element(prompts_.begin(), prompts_.end(), [](const auto& a, const auto& b) {
    return a.tokens.size() < b.tokens.size();
  })};
}

void Bench::take_prompt_of(size_t tokens) {
  trace::Prompt prompt{.name = "p0"};
  for (size_t i = 0; i < tokens; ++i) {
    prompt.tokens.push_back(static_cast<int64_t>(base::mix64(i) % graph().vocab_size));
  }
  prompts_ = {prompt};
}

void Bench::repeat_one_token(size_t times) {
  prompts_ = {{.name = "p0", .tokens = std::vector<int64_t>(times, 5)}};
}

Fault Bench::fault(const std::string& cause, const std::string& place) const {
  for (const Fault& fault : applicable_faults(graph())) {
    if (fault.cause() == cause && fault.place == place) return fault;
  }
  throw base::InternalError("the fault " + cause + " applies at " + place);
}

Result Bench::judge(const Run& run) {
  const graph::Contract* contract = graph::find_contract(run.contract);
  const Mutation mutation = run.fault != nullptr ? run.fault->mutate(graph()) : Mutation(graph());
  const Mutant mutant(*reference_, mutation);
  tests::EmulatedEngine engine(mutant.reference(),
                               {.contract = contract,
                                .seed = run.seed,
                                .taps = run.taps,
                                .lists_logprobs = run.logprobs.has_value(),
                                .logprobs = run.logprobs.value_or(tests::LogprobOptions{}),
                                .deviations = &mutant.deviations()});
  return judge(engine, run.judged_by.empty() ? run.contract : run.judged_by, false,
               run.unknown_causes, run.finds_contract);
}

Result Bench::judge(trace::Source& candidate, const std::string& contract, bool state_matrix,
                    std::vector<std::string> unknown_causes, bool finds_contract) {
  const Subject subject{.case_name = "case",
                        .family = "family",
                        .candidate = &candidate,
                        .candidate_name = "candidate",
                        .prompts = prompts_,
                        .contract = graph::find_contract(contract),
                        .state_matrix = state_matrix,
                        .unknown_causes = std::move(unknown_causes)};
  return finds_contract ? judge_->judge_under_best(subject) : judge_->judge(subject);
}

std::string reasons_of(const Result& result) {
  std::string text(to_text(result.verdict));
  for (const Reason& reason : result.reasons) {
    text += "; " + std::string(to_text(reason.gate)) + " " + reason.tap + ": " + reason.message;
  }
  for (const std::string& note : result.notes) text += "; note: " + note;
  return text;
}

}  // namespace plumb::compare::testing
