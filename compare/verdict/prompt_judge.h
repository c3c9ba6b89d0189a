// Judges what a candidate recorded of one prompt: every tap by itself and against the whole
// forward, the logits' tokens, the greedy continuation.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/evidence/evidence.h"
#include "compare/evidence/truth.h"
#include "compare/verdict/tap_figures.h"
#include "result/result.h"
#include "trace/recording.h"

namespace plumb::verdict {

using evidence::Evidence;
using evidence::PromptSubject;
using evidence::Truth;
using result::Diagnosis;
using result::FirstDivergence;
using result::Reason;
using result::TokenSection;

struct PromptFindings {
  std::vector<Reason> failures;
  std::map<trace::Tap, TapFigures> taps;
  std::optional<double> kld;  // of the logits, where they were recorded
  TokenSection tokens;
  std::vector<double> flip_odds;  // of each token compared: that the precision makes it another
  std::optional<FirstDivergence> first_divergence;
  // The recording departs there and the forward does not, or a row of a weight does: no mistake of
  // the forward is looked for. What it is, where that is known.
  bool misrecorded = false;
  std::optional<Diagnosis> misrecording;
  std::vector<std::string> notes;
};

PromptFindings judge_prompt(Truth& truth, const PromptSubject& subject, const Evidence& evidence);

}  // namespace plumb::verdict
