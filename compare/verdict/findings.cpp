#include "compare/verdict/findings.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "compare/measure/gates.h"
#include "compare/measure/tokens.h"

namespace plumb::verdict {
namespace {

using measure::kTooManyTies;
using measure::tail_probability;
using measure::within;
using result::Drift;
using result::Gate;
using result::TapRow;
using trace::Tap;

// max() that keeps "unknown" out and infinity in.
void raise(double& worst, double value) {
  if (std::isnan(worst) || value > worst) worst = value;
}

// The worst of each figure over the prompts.
void merge(Metrics& worst, const Metrics& other) {
  raise(worst.max_abs, other.max_abs);
  raise(worst.max_rel, other.max_rel);
  raise(worst.rms, other.rms);
  raise(worst.nmse, other.nmse);
  if (!(worst.cosine <= other.cosine)) worst.cosine = other.cosine;
}

void merge(TokenSection& sum, const TokenSection& other) {
  sum.compared += other.compared;
  sum.exact += other.exact;
  sum.certified_ties += other.certified_ties;
  sum.flips += other.flips;
  sum.greedy_compared += other.greedy_compared;
  sum.greedy_exact += other.greedy_exact;
}

TapRow row(const Tap& tap, const TapFigures& figures) {
  const Metrics& m = figures.metrics;
  return {.tap = tap.name(),
          .max_abs = m.max_abs,
          .max_rel = m.max_rel,
          .rms = m.rms,
          .nmse = m.nmse,
          .cosine = m.cosine,
          .floor_ratio = figures.global.ratio(),
          .local_ratio = figures.local.ratio(),
          .global = figures.global_margin,
          .local = figures.local_margin};
}

}  // namespace

void Findings::add(PromptFindings findings) {
  failed_ |= !findings.failures.empty();
  for (Reason& reason : findings.failures) result_.reasons.push_back(std::move(reason));
  for (const auto& [tap, figures] : findings.taps) {
    TapFigures& sum = taps_[tap];
    merge(sum.metrics, figures.metrics);
    sum.global.add(figures.global);
    sum.local.add(figures.local);
    keep_nearer(sum.global_margin, figures.global_margin);
    keep_nearer(sum.local_margin, figures.local_margin);
  }
  if (findings.kld) raise(result_.drift.kld, *findings.kld);
  merge(result_.tokens, findings.tokens);
  if (!result_.first_divergence) result_.first_divergence = findings.first_divergence;
  result_.notes.insert(result_.notes.end(), findings.notes.begin(), findings.notes.end());
}

void Findings::count(const PromptFindings& findings) {
  flip_odds_.insert(flip_odds_.end(), findings.flip_odds.begin(), findings.flip_odds.end());
  others_ += findings.tokens.compared - findings.tokens.exact;
}

void Findings::fail(Reason reason) {
  failed_ = true;
  result_.reasons.push_back(std::move(reason));
}

void Findings::doubt(Reason reason) {
  doubtful_ = true;
  result_.reasons.push_back(std::move(reason));
}

void Findings::settle(const std::optional<OracleJudge>& oracle) {
  count_ties();
  for (const auto& [tap, figures] : taps_) result_.taps.push_back(row(tap, figures));
  const auto end = taps_.find(end_);
  if (end != taps_.end()) fill_drift(end->second);
  if (!oracle) return;
  result_.oracle = oracle->section();
  if (const auto objection = oracle->objection()) fail(*objection);
}

Verdict Findings::verdict() const {
  if (failed_) return Verdict::kFailed;
  return doubtful_ ? Verdict::kInconclusive : Verdict::kPassed;
}

void Findings::fill_drift(const TapFigures& end) {
  Drift& drift = result_.drift;
  drift.max_abs_logit = end.metrics.max_abs;
  drift.nmse = end.metrics.nmse;
  drift.cosine = end.metrics.cosine;
  drift.floor_ratio = end.global.ratio();
  drift.rms_logit = end.global.rms();
  drift.floor_rms_logit = end.global.floor_rms();
}

// Each tie by itself may be certain, and there may be too many of them.
void Findings::count_ties() {
  TokenSection& tokens = result_.tokens;
  tokens.expected_ties = std::accumulate(flip_odds_.begin(), flip_odds_.end(), 0.0);
  const double chance = tail_probability(flip_odds_, others_);
  if (failed_ || within(kTooManyTies, chance)) return;
  fail({Gate::kTokens, "logits",
        fmt::format("{} of {} positions choose another token than the truth; the precision "
                    "accounts for {:.3g} (so many: probability {:.1g})",
                    others_, flip_odds_.size(), tokens.expected_ties, chance)});
}

}  // namespace plumb::verdict
