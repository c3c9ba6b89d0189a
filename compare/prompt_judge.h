// Judges what a candidate recorded of one prompt: every tap by itself and against the whole
// forward, the logits' tokens, the greedy continuation.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/evidence.h"
#include "compare/result.h"
#include "compare/truth.h"
#include "trace/recording.h"

namespace plumb::compare {

// RMS over RMS of several tensors taken as one.
class PooledRatio {
 public:
  void add(double ratio, double floor_rms, size_t elements);
  void add(const PooledRatio& other);
  double ratio() const;
  double rms() const;
  double floor_rms() const;

 private:
  double noise_ = 0.0;
  double floor_ = 0.0;
  double count_ = 0.0;
};

struct TapFigures {
  Metrics metrics;
  PooledRatio global;
  PooledRatio local;
};

struct PromptFindings {
  std::vector<Reason> failures;
  std::map<trace::Tap, TapFigures> taps;
  std::optional<double> kld;  // of the logits, where they were recorded
  TokenSection tokens;
  std::vector<double> flip_odds;  // of each token compared: that the precision makes it another
  std::optional<FirstDivergence> first_divergence;
  // The recording departs there and the forward does not; and how, where that is known.
  bool misrecorded = false;
  std::optional<Diagnosis> misrecording;
  std::vector<std::string> notes;
};

PromptFindings judge_prompt(Truth& truth, const PromptSubject& subject, const Evidence& evidence);

}  // namespace plumb::compare
