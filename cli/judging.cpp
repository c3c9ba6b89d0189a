#include "cli/judging.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "compare/judge.h"
#include "fixtures/catalogue.h"

namespace plumb::cli {
namespace {

constexpr std::string_view kTracePrefix = "trace:";
constexpr uint64_t kDefaultPromptSeed = 1;

struct OpenCandidate {
  std::unique_ptr<trace::Source> source;
  std::string where;  // of its prompts, for messages
  std::vector<std::string> notes;
};

OpenCandidate open_trace_candidate(const LoadedModel& model, const std::string& name) {
  const std::string rest = name.substr(kTracePrefix.size());
  const size_t hash = rest.rfind('#');
  std::optional<base::DType> dtype;
  if (hash != std::string::npos) {
    dtype = base::dtype_from_torch_name(rest.substr(hash + 1));
    if (!dtype) {
      throw base::InputError(name, rest.substr(hash + 1), "is no dtype",
                             "known: float64, float32, bfloat16, float16");
    }
  }
  const std::string file = rest.substr(0, hash);
  auto trace = std::make_shared<trace::TraceFile>(open_trace_of(model, file));
  OpenCandidate candidate{.where = file};
  for (const std::string& ignored : trace->ignored()) {
    candidate.notes.push_back("ignored, no part of a trace: " + ignored);
  }
  candidate.source = std::make_unique<trace::FileSource>(std::move(trace), dtype);
  return candidate;
}

std::vector<trace::Prompt> choose_prompts(const LoadedModel& model, const OpenCandidate& candidate,
                                          const trace::TraceFile* oracle) {
  std::vector<trace::Prompt> prompts = candidate.source->prompts();
  std::string where = candidate.where;
  if (prompts.empty() && oracle != nullptr) {
    prompts = oracle->prompts();
    where = oracle->path();
  }
  if (prompts.empty()) {
    prompts = fixtures::default_prompts(model.graph.vocab_size,
                                        model.config.spec.max_position_embeddings,
                                        kDefaultPromptSeed);
  }
  for (const trace::Prompt& prompt : prompts) {
    check_tokens(where, "prompts/" + prompt.name, prompt.tokens, model.graph.vocab_size);
  }
  return prompts;
}

}  // namespace

trace::TraceFile open_trace_of(const LoadedModel& model, const std::string& file) {
  trace::TraceFile trace(file);
  const std::string stated = trace.attribute("checkpoint_sha256");
  if (!stated.empty() && stated != model.checkpoint.sha256()) {
    throw base::InputError(file, "checkpoint_sha256",
                           "is " + stated + ", the checkpoint's is " + model.checkpoint.sha256(),
                           "the trace was recorded on another checkpoint");
  }
  return trace;
}

compare::Result judge_candidate(const LoadedModel& model, const reference::Reference& reference,
                                const base::Threads& threads, const JudgingOptions& options) {
  (void)threads;
  const OpenCandidate candidate = open_trace_candidate(model, options.candidate);
  compare::Subject subject{
      .case_name = options.case_name,
      .family = model.config.spec.model_type,
      .reference = &reference,
      .candidate = candidate.source.get(),
      .candidate_name = options.candidate,
      .prompts = choose_prompts(model, candidate, options.oracle),
      .oracle = options.oracle,
      .contract = &graph::default_contract(candidate.source->producer().dtype),
      .greedy_steps = options.greedy_steps,
      .notes = candidate.notes};
  for (const std::string& key : model.config.allowed_keys) {
    subject.notes.push_back("config key let pass by --allow-key: " + key);
  }
  return compare::judge(subject);
}

}  // namespace plumb::cli
