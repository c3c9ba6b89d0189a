// Log-probabilities as a trace holds them, checked: docs/formats.md, "Log-probabilities".
#pragma once

#include <optional>
#include <string>

#include "compare/measure/readout.h"
#include "trace/logprobs.h"

namespace plumb::evidence {

using measure::Listing;
using measure::log_softmax;
using measure::Matrix;
using measure::Print;

struct RecordedLogprobs {
  Listing listing;
  Matrix values;  // [R, K], NaN and infinities as they came
};

// Nothing where none were recorded, or none at any position. Throws InputError naming `where` for
// shapes that do not fit, ids that are no tokens or stand twice in a row, numbers above 0, a step
// of which the numbers are no multiples.
std::optional<RecordedLogprobs> read_logprobs(const trace::Recording& recording, size_t positions,
                                              size_t vocab_size, const std::string& where);

// Throws InputError where they are not the log-softmax of the logits recorded beside them.
void check_agreement(const RecordedLogprobs& logprobs, const Matrix& logits,
                     const std::string& where);

}  // namespace plumb::evidence
