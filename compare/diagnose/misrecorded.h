// What a recording holds instead of what its name says, where the forward itself is right: the few
// ways in which recordings go wrong. docs/judgement.md, "Recordings".
#pragma once

#include <optional>
#include <string>

#include "compare/evidence/evidence.h"
#include "compare/evidence/truth.h"

namespace plumb::diagnose {

using evidence::Evidence;
using evidence::PromptSubject;
using evidence::Truth;
using evidence::Values;
using measure::Floor;
using reference::Matrix;

// What was recorded is another tensor where it is as near to that as so many times its own noise.
inline constexpr double kSameTensor = 10.0;

struct Misrecording {
  std::string kind;  // "zero", "other_place", "channel_order", "log_probabilities", ...
  std::string says;  // after the tap's name: "holds layer.0.out"
};

// `tap` is off, and what comes after it is not. Nothing where it is none of the known ways.
std::optional<Misrecording> find_misrecording(const Truth& truth, const PromptSubject& subject,
                                              const Evidence& evidence, const trace::Tap& tap);

// Logits to which every position adds a number of its own (the same distribution in another form),
// or that are right but for where they stand: no forward makes those.
std::optional<Misrecording> find_moved_logits(const Matrix& value, const Matrix& truth,
                                              const Floor& floor, base::DType storage);

}  // namespace plumb::diagnose
