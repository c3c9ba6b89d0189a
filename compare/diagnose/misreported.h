// Log-probabilities that are wrong by their form alone: other logarithms, or normalised otherwise.
// docs/judgement.md, "Recordings".
#pragma once

#include "compare/diagnose/misrecorded.h"

namespace plumb::diagnose {

using evidence::Recorded;

// `truth` and `floor` are in the coordinates of the recorded readout, `logits` the true ones [T,
// V]. Nothing where the log-probabilities are right, or wrong in any other way.
std::optional<Misrecording> find_misreported(const Recorded& recorded, const Matrix& logits,
                                             const Matrix& truth, const Floor& floor,
                                             base::DType storage);

}  // namespace plumb::diagnose
