#include "compare/measure/tokens.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "compare/measure/gates.h"

namespace plumb::measure {

int64_t best_token(std::span<const double> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    // A NaN in first place would win every comparison: anything else is better.
    if (logits[i] > logits[best] || (std::isnan(logits[best]) && !std::isnan(logits[i]))) best = i;
  }
  return static_cast<int64_t>(best);
}

TokenJudgement judge_token(std::span<const double> logits, double noise, int64_t chosen) {
  TokenJudgement judgement{.best = best_token(logits)};
  if (chosen == judgement.best) return judgement;
  const bool exists = chosen >= 0 && chosen < static_cast<int64_t>(logits.size());
  judgement.regret =
      exists ? logits[static_cast<size_t>(judgement.best)] - logits[static_cast<size_t>(chosen)]
             : std::numeric_limits<double>::infinity();
  judgement.allowed = kTieDeviations * std::numbers::sqrt2 * noise;
  judgement.verdict = within(judgement.regret, judgement.allowed) ? TokenVerdict::kCertifiedTie
                                                                  : TokenVerdict::kFlip;
  return judgement;
}

TokenJudgement judge_token(const Matrix& truth, const Floor& floor, size_t t, int64_t chosen) {
  return judge_token(reference::row(truth, t), floor.rows[t], chosen);
}

std::optional<MissingToken> find_missing(std::span<const double> logits,
                                         std::span<const int64_t> listed, double noise,
                                         std::optional<int64_t> besides) {
  const auto score = [&](int64_t id) { return logits[static_cast<size_t>(id)]; };
  MissingToken found{.token = -1, .instead_of = -1};
  for (const int64_t id : listed) {
    if (id == besides) continue;
    if (found.instead_of < 0 || score(id) < score(found.instead_of)) found.instead_of = id;
  }
  for (int64_t id = 0; id < static_cast<int64_t>(logits.size()); ++id) {
    if (std::ranges::binary_search(listed, id)) continue;
    if (found.token < 0 || score(id) > score(found.token)) found.token = id;
  }
  if (found.token < 0 || found.instead_of < 0) return std::nullopt;
  found.regret = score(found.token) - score(found.instead_of);
  found.allowed = kTieDeviations * std::numbers::sqrt2 * noise;
  return within(found.regret, found.allowed) ? std::nullopt : std::optional(found);
}

double flip_probability(std::span<const double> logits, double noise) {
  double first = -std::numeric_limits<double>::infinity();
  double second = first;
  for (const double logit : logits) {
    if (logit > first) {
      second = std::exchange(first, logit);
    } else {
      second = std::max(second, logit);
    }
  }
  const double margin = (first - second) / (std::numbers::sqrt2 * noise);
  // Without noise and without a margin, either token may come first.
  return std::isnan(margin) ? 0.5 : 0.5 * std::erfc(margin / std::numbers::sqrt2);
}

double flip_probability(const Matrix& truth, const Floor& floor, size_t t) {
  return flip_probability(reference::row(truth, t), floor.rows[t]);
}

double tail_probability(std::span<const double> probabilities, int count) {
  if (count <= 0) return 1.0;
  // below[k]: that k of the events so far happen, for k < count.
  std::vector<double> below(static_cast<size_t>(count), 0.0);
  below.front() = 1.0;
  for (const double p : probabilities) {
    for (size_t k = below.size(); k-- > 1;) below[k] = below[k] * (1.0 - p) + below[k - 1] * p;
    below.front() *= 1.0 - p;
  }
  return std::max(0.0, 1.0 - std::accumulate(below.begin(), below.end(), 0.0));
}

}  // namespace plumb::measure
