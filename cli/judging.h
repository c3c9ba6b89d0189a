// What check and gate share: a candidate by its name, the prompts to judge, the finished result.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/common.h"
#include "compare/result.h"
#include "reference/run.h"
#include "trace/trace_file.h"

namespace plumb::cli {

// A trace of this model: throws InputError when its checkpoint_sha256 is another checkpoint's.
trace::TraceFile open_trace_of(const LoadedModel& model, const std::string& file);

struct JudgingOptions {
  std::string case_name;
  std::string candidate;  // cpu-f32 | cpu-bf16 | trace:FILE[#dtype]
  const trace::TraceFile* oracle = nullptr;
  int greedy_steps = 16;
};

// Judges a candidate on the prompts that are its own (a trace), the oracle's, or a default set.
compare::Result judge_candidate(const LoadedModel& model, const reference::Reference& reference,
                                const base::Threads& threads, const JudgingOptions& options);

}  // namespace plumb::cli
