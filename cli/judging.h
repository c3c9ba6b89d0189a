// What check, bisect and gate share: a candidate by its name, the prompts to judge, what is written
// at the end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "candidates/outside/outside.h"
#include "cli/common.h"
#include "compare/verdict/judge.h"
#include "reference/run.h"
#include "reports/baseline.h"
#include "result/result.h"
#include "trace/trace_file.h"

namespace plumb::cli {

// A trace of this model: throws InputError when its checkpoint_sha256 is another checkpoint's.
trace::TraceFile open_trace_of(const LoadedModel& model, const std::string& file);

struct JudgingOptions {
  std::string case_name;
  std::string candidate;  // cpu-f32 | cpu-bf16 | trace:FILE[#dtype] | candidates/outside/outside.h
  int greedy_steps = 0;   // of each prompt, by an engine; a trace gives what it holds
  // A precision contract's name or file; auto: the strictest that it keeps; empty: its dtype's.
  std::string contract;
  // That an engine records; empty: all of an in-tree one, the coarse ones of one outside.
  std::string taps;
  bool state_matrix = false;
  std::optional<base::DType> dtype;  // that an engine outside is asked for
  candidates::OutsideOptions outside;
  // Where an engine outside departs, it is asked again for the taps in question.
  bool finer = false;
};

// Judges candidates on one model; what they share is computed once. `oracle` may be null.
class Judging {
 public:
  Judging(const LoadedModel& model, const base::Threads& threads, const trace::TraceFile* oracle);

  // On the prompts that are the candidate's own (a trace), the oracle's, or a default set.
  result::Result operator()(const JudgingOptions& options);

 private:
  verdict::Subject subject_of(const JudgingOptions& options, trace::Source& candidate,
                              std::vector<trace::Prompt> prompts) const;
  verdict::Subject subject_of_answer(const JudgingOptions& options, trace::Source& answer,
                                     std::vector<trace::Prompt> prompts) const;
  result::Result judge(verdict::Subject subject, const JudgingOptions& options);
  result::Result judge_outside(const JudgingOptions& options, candidates::Outside& engine);
  result::Result judge_answer(const JudgingOptions& options, candidates::Outside& engine,
                              const candidates::Request& request);

  const LoadedModel& model_;
  const base::Threads& threads_;
  const trace::TraceFile* oracle_;
  reference::Reference reference_;
  verdict::Judge judge_;
};

// Instead of a contract's name: the strictest that a candidate keeps.
inline constexpr std::string_view kFindContract = "auto";

// By its name, or read from FILE.json. Throws InputError naming the known ones.
const graph::Contract& named_contract(const std::string& name);
// The contract that a candidate declares, or its dtype's.
const graph::Contract& declared_contract(const trace::Source& candidate);

// The prompts of a trace, or, without one, a default set for the model.
std::vector<trace::Prompt> prompts_of(const LoadedModel& model, const std::string& trace);

// How check and bisect are told what to judge.
struct JudgeOptions {
  std::string candidate;
  std::string oracle;
  std::string contract;
  std::string taps;
  bool state_matrix = false;
  int greedy_steps = 64;
  std::string dtype;
  candidates::OutsideOptions outside;
  bool finer = false;

  void add(CLI::App& verb);
  JudgingOptions judging(const std::string& case_name) const;
};

// The option --state.
void add_state_option(CLI::App& verb, bool& state_matrix);

// Judges one candidate on the checkpoint of `common`.
result::Result judge_checkpoint(const CommonOptions& common, const JudgeOptions& options);

// Of a verb that judged.
int exit_code(const std::vector<result::Result>& results, bool git_bisect);

// What judging leaves behind, on standard output and in files.
struct OutputOptions {
  std::string report;
  std::string baseline;
  std::string json;
  bool git_bisect = false;

  void add(CLI::App& verb);
  // Reads the baseline, so that a wrong one is refused before any work.
  std::optional<reports::Baseline> read_baseline() const;
  // Writes the report, and `json` or `text`; returns the exit code.
  int finish(const std::vector<result::Result>& results,
             const std::optional<reports::Baseline>& baseline, const std::string& json,
             std::string text) const;
};

}  // namespace plumb::cli
