// Log-probabilities of listed tokens, beside or instead of logits, at the same places in a trace.
#pragma once

#include <optional>

#include "trace/recording.h"

namespace plumb::trace {

// Datasets of a run, and the attribute of its group.
inline constexpr const char* kLogprobs = "logprobs";
inline constexpr const char* kLogprobIds = "logprob_ids";
inline constexpr const char* kLogprobStep = "logprob_step";

struct Logprobs {
  // [T, K] both: natural logarithms, and of which tokens, in any order; -1: nothing listed.
  // Nothing where only the other was recorded.
  std::optional<Tensor> values;
  std::optional<Tensor> ids;
  std::optional<double> step;  // to which the producer printed them
};

// Of a recording that may hold some.
class HoldsLogprobs {
 public:
  virtual ~HoldsLogprobs() = default;
  virtual std::optional<Logprobs> logprobs() const = 0;
};

// Of any recording.
inline std::optional<Logprobs> logprobs_of(const Recording& recording) {
  const auto* const holder = dynamic_cast<const HoldsLogprobs*>(&recording);
  return holder == nullptr ? std::nullopt : holder->logprobs();
}

class MemoryLogprobs : public MemoryRecording, public HoldsLogprobs {
 public:
  using MemoryRecording::put;
  void put(Logprobs logprobs) { logprobs_ = std::move(logprobs); }
  std::optional<Logprobs> logprobs() const override { return logprobs_; }

 private:
  std::optional<Logprobs> logprobs_;
};

}  // namespace plumb::trace
