#include "compare/tokens.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "compare/gates.h"

namespace plumb::compare {

int64_t best_token(std::span<const double> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    // A NaN in first place would win every comparison: anything else is better.
    if (logits[i] > logits[best] || (std::isnan(logits[best]) && !std::isnan(logits[i]))) best = i;
  }
  return static_cast<int64_t>(best);
}

TokenJudgement judge_token(const Matrix& truth, const Floor& floor, size_t t, int64_t chosen) {
  const auto logits = reference::row(truth, t);
  TokenJudgement judgement{.best = best_token(logits)};
  if (chosen == judgement.best) return judgement;
  const bool exists = chosen >= 0 && chosen < static_cast<int64_t>(logits.size());
  judgement.regret =
      exists ? logits[static_cast<size_t>(judgement.best)] - logits[static_cast<size_t>(chosen)]
             : std::numeric_limits<double>::infinity();
  judgement.allowed = kTieDeviations * std::numbers::sqrt2 * floor.rows[t];
  judgement.verdict = within(judgement.regret, judgement.allowed) ? TokenVerdict::kCertifiedTie
                                                                  : TokenVerdict::kFlip;
  return judgement;
}

}  // namespace plumb::compare
