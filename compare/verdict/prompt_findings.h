// What was found of one prompt.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/verdict/tap_figures.h"
#include "result/result.h"
#include "trace/tap.h"

namespace plumb::verdict {

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

}  // namespace plumb::verdict
