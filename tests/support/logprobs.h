// What an engine gives that reports log-probabilities: a recording with these in the logits' place.
#pragma once

#include <memory>

#include "trace/logprobs.h"

namespace plumb::tests {

struct LogprobOptions {
  size_t tokens = 0;                              // the best so many; 0: all
  double step = 0.0;                              // to which they are printed; 0: in full
  const trace::Prompt* next_tokens_of = nullptr;  // the prompt's next token is listed besides
};

// Of the logits in `recording`, by a log-softmax in float32; its other taps are handed on.
std::unique_ptr<trace::MemoryLogprobs> with_logprobs(const trace::Recording& recording,
                                                     const LogprobOptions& options);

}  // namespace plumb::tests
