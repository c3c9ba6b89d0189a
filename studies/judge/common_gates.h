// The gates in common use: what they make of final logits beside the float64 truth.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "compare/measure/statistics.h"
#include "trace/recording.h"

namespace plumb::studies {

// A run's logits beside the truth's; the worst of all prompts.
struct LogitsComparison {
  measure::Metrics metrics;
  bool same_tokens = true;
};

// `logits`, `truth`: of each prompt.
LogitsComparison compare_logits(const std::vector<reference::Matrix>& logits,
                                const std::vector<reference::Matrix>& truth);

struct CommonGate {
  std::string_view name;
  // `drift`: the largest difference of a clean run of the same contract.
  bool (*passes)(const LogitsComparison& run, double drift);
};

std::span<const CommonGate> common_gates();

}  // namespace plumb::studies
