// Tokens: is a choice the truth's best, a tie that the precision cannot tell apart, or wrong?
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compare/measure/statistics.h"

namespace plumb::measure {

enum class TokenVerdict { kExact, kCertifiedTie, kFlip };

struct TokenJudgement {
  TokenVerdict verdict = TokenVerdict::kExact;
  int64_t best = 0;      // of the truth; the lowest id among equals
  double regret = 0.0;   // truth[best] - truth[chosen]
  double allowed = 0.0;  // the largest regret that is a tie
};

// The truth's best token.
int64_t best_token(std::span<const double> logits);

// `chosen` at position t: a tie when its logit trails the best by at most kTieDeviations standard
// deviations of the noise of a difference of two logits of that row. A choice outside the
// vocabulary is a flip.
TokenJudgement judge_token(const Matrix& truth, const Floor& floor, size_t t, int64_t chosen);

// The probability that the noise of position t makes another token the best: that of the runner-up
// to overtake it.
double flip_probability(const Matrix& truth, const Floor& floor, size_t t);

// The probability that at least `count` of independent events with these probabilities happen.
double tail_probability(std::span<const double> probabilities, int count);

}  // namespace plumb::measure
