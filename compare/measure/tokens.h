// Tokens: is a choice the truth's best, a tie that the precision cannot tell apart, or wrong?
#pragma once

#include <cstdint>
#include <optional>
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

// `chosen` at a position with these true logits, with noise of RMS `noise` on each: a tie when its
// logit trails the best by at most kTieDeviations standard deviations of the noise of a difference
// of two. A choice outside the vocabulary is a flip.
TokenJudgement judge_token(std::span<const double> logits, double noise, int64_t chosen);

// The same of a row of a matrix.
TokenJudgement judge_token(const Matrix& truth, const Floor& floor, size_t t, int64_t chosen);

// A token that belongs among those listed.
struct MissingToken {
  int64_t token = 0;
  int64_t instead_of = 0;  // the least of those listed
  double regret = 0.0;     // by how much the truth has it ahead
  double allowed = 0.0;    // what would be a tie
};
// The best token that is not `listed` (ids in order, some perhaps more than once), where it is
// clearly ahead of the least that is. `besides` may be listed whatever its rank.
std::optional<MissingToken> find_missing(std::span<const double> logits,
                                         std::span<const int64_t> listed, double noise,
                                         std::optional<int64_t> besides);

// The probability that the noise of a position makes another token the best: that of the runner-up
// to overtake it.
double flip_probability(std::span<const double> logits, double noise);
double flip_probability(const Matrix& truth, const Floor& floor, size_t t);

// The probability that at least `count` of independent events with these probabilities happen.
double tail_probability(std::span<const double> probabilities, int count);

}  // namespace plumb::measure
