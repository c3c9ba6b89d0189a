#include "compare/diagnose/acceptance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "compare/measure/gates.h"

namespace plumb::diagnose {

using measure::cause_limits;
using measure::CauseLimits;
using measure::GateLimits;
using measure::kLeastCoherence;
using measure::kMiddleCorrelation;
using measure::kRoundingCorrelation;
using measure::kTwoSampleLikeness;
using measure::kTwoSampleLimit;
using measure::within;
using trace::Tap;
using trace::TapId;

namespace {

// A position is off by so many floors, as for the gates in 16 bits.
constexpr double kOff = 4.5;
// What a right cause may make of a tap that is none of its business.
constexpr double kWorse = 1.35;
// Two mistakes whose values differ by less noise than this are one.
constexpr double kSame = 0.5;
// A fitted mistake is an exact one where this share of the effect tells them apart.
constexpr double kNear = 0.05;
// In 16 bits a mistake that makes most of a large difference, but changes the noise too.
constexpr double kResidue = 0.03;
// How many times more than independent elements' the coefficient of an effect in noise varies: the
// noise of a tap is correlated. Three such deviations are believed.
constexpr double kCorrelated = 3.0;
constexpr double kDeviations = 3.0;
// Of a mistake that makes noise of its own: how well it has to fit.
constexpr double kAlike = 0.98;
// All but noise.
constexpr double kMostOfIt = 0.9;

// A rounding that makes a difference of quite another size needs no emulations.
bool are_alike(double a, double b) {
  constexpr double kTimes = 4.0;
  return within(a, kTimes * b) && within(b, kTimes * a);
}

bool is_among(const TwoSample& sample) {
  return within(sample.ratio, kTwoSampleLimit) && within(kLeastCoherence, sample.coherence) &&
         within(sample.coherence - kTwoSampleLikeness, sample.likeness);
}

}  // namespace

Acceptance::Acceptance(const Trials& trials, const Tap& first)
    : trials_(trials),
      first_(first),
      storage_(trials.scenes().front().subject.contract->storage),
      alone_(trials.scenes().front().subject.alone()) {
  for (const Scene& scene : trials.scenes()) add(scene);
  failing_.insert(first_);
}

void Acceptance::add(const Scene& scene) {
  for (const auto& [tap, value] : scene.subject.recorded->values()) {
    if (tap.id == TapId::kRouterIds) continue;
    const Matrix& truth = scene.truth(tap);
    const Floor& floor = scene.floor(tap);
    null_[tap].add(value, truth, truth, floor);
    const GateLimits limits =
        alone_ ? global_limits(storage_, floor) : local_limits(storage_, floor);
    if (!within(over_floor(value, truth, floor), limits)) failing_.insert(tap);
  }
}

double Acceptance::score(const Trial& trial) const {
  std::set<Tap> taps = failing_;
  for (const auto& [tap, fit] : trial.fits()) taps.insert(tap);
  double score = 0.0;
  for (const Tap& tap : taps) {
    const auto fit = trial.fits().find(tap);
    const double left =
        fit == trial.fits().end() ? null_.at(tap).residual_rms() : fit->second.residual_rms();
    score += std::log(std::max(left, 1.0));
  }
  return score;
}

double Acceptance::residual(const Trial& trial) const {
  return trial.fit(failing_).residual_rms();
}

bool Acceptance::closes(const Trial& trial) const {
  const Fit fit = trial.fit(failing_);
  const CauseLimits limits = cause_limits(storage_, !alone_);
  const bool fits = within(std::abs(fit.beta() - 1.0), limits.beta_error) &&
                    within(fit.residual_rms(), limits.residual) &&
                    within(fit.residual_rms(), limits.share * fit.null_rms()) &&
                    within(limits.correlation, fit.correlation());
  const bool dominates = base::size_of(storage_) == 2 && !alone_ &&
                         within(std::abs(fit.beta() - 1.0), kResidue) &&
                         within(fit.residual_rms(), kResidue * fit.null_rms());
  return fits || dominates;
}

bool Acceptance::explains(const Trial& trial) const {
  if (closes(trial)) return true;
  const Fit fit = trial.fit(failing_);
  // What is among emulations is about as like an exact run as they are.
  const bool possible = within(kLeastCoherence - 2 * kTwoSampleLikeness, fit.correlation());
  return possible && is_among(trials_.compare(trial.fault(), failing_));
}

std::optional<double> Acceptance::score_rounding(const Trial& trial) const {
  const Fit fit = trial.fit(failing_);
  if (!are_alike(fit.effect_rms(), fit.null_rms())) return std::nullopt;
  const TwoSample sample = trials_.compare(trial.fault(), failing_);
  const CauseLimits limits = cause_limits(storage_, !alone_);
  // One of which emulations agree, and the candidate with them but for single roundings.
  const bool aligned = within(std::abs(fit.beta() - 1.0), limits.beta_error) &&
                       within(kRoundingCorrelation, fit.correlation()) &&
                       within(kMiddleCorrelation, trial.middle_correlation(failing_)) &&
                       within(kRoundingCorrelation, sample.coherence);
  if (!is_among(sample) && !aligned) return std::nullopt;
  // The one that leaves least: one that scatters widely has much among its emulations.
  constexpr double kNothing = 0.1;
  double score = std::log(std::max(fit.residual_rms(), kNothing));
  for (const Tap& tap : unexplained(trial)) {
    score += std::log(std::max(null_.at(tap).null_rms(), 1.0));
  }
  return std::isfinite(score) ? std::optional(score) : std::nullopt;
}

bool Acceptance::worsens(const Trial& trial) const {
  return std::ranges::any_of(trial.fits(), [&](const auto& entry) {
    const auto& [tap, fit] = entry;
    return !failing_.contains(tap) &&
           !within(fit.residual_rms(), kWorse * std::max(1.0, fit.null_rms()));
  });
}

Width Acceptance::compare_widths(const Trial& narrow, const Trial& wide) const {
  if (worsens(wide)) return Width::kNarrow;
  Fit others;
  for (const auto& [tap, fit] : wide.fits()) {
    if (!narrow.touches(tap)) others.add(fit);
  }
  const double error = kDeviations * kCorrelated / std::sqrt(others.effect);
  const bool fits_wide = within(std::abs(others.beta() - 1.0), error);
  const bool fits_narrow = within(std::abs(others.beta()), error);
  if (fits_wide && fits_narrow) return Width::kEither;
  if (fits_wide || fits_narrow) return fits_wide ? Width::kWide : Width::kNarrow;
  const bool better = score(wide) < score(narrow) && wide.fit(failing_).correlation() >= kAlike;
  return better ? Width::kWide : Width::kNarrow;
}

bool Acceptance::are_same(const Fault& a, const Fault& b) const {
  return within(trials_.contrast(a, b, {first_}).effect_rms(), kSame);
}

bool Acceptance::is_fit_of(const Fault& a, const Fault& b) const {
  return b.row->fitted && !a.row->fitted &&
         within(trials_.contrast(a, b, {first_}).effect_rms(), kNear * null_.at(first_).null_rms());
}

std::optional<int> Acceptance::only_channel() const {
  std::vector<double> squares(trials_.scenes().front().truth(first_).shape(1), 0.0);
  for (const Scene& scene : trials_.scenes()) {
    const Matrix& value = scene.subject.recorded->at(first_);
    const Matrix& truth = scene.truth(first_);
    for (size_t t = 0; t < value.shape(0); ++t) {
      for (size_t j = 0; j < squares.size(); ++j) {
        const double z = (value(t, j) - truth(t, j)) / scene.floor(first_).rows[t];
        squares[j] += z * z;
      }
    }
  }
  const auto most = std::ranges::max_element(squares);
  const double all = std::accumulate(squares.begin(), squares.end(), 0.0);
  if (!within(kMostOfIt * all, *most)) return std::nullopt;
  return static_cast<int>(most - squares.begin());
}

std::vector<Tap> Acceptance::unexplained(const Trial& trial) const {
  std::vector<Tap> taps;
  for (const Tap& tap : failing_) {
    if (!trial.touches(tap)) taps.push_back(tap);
  }
  return taps;
}

Acceptance::Onset Acceptance::onset() const {
  Onset onset{.position = SIZE_MAX, .last = true};
  for (const Scene& scene : trials_.scenes()) {
    const Matrix& value = scene.subject.recorded->at(first_);
    const Matrix& truth = scene.truth(first_);
    for (size_t t = 0; t < value.shape(0); ++t) {
      double squares = 0.0;
      for (size_t j = 0; j < value.shape(1); ++j) {
        squares += (value(t, j) - truth(t, j)) * (value(t, j) - truth(t, j));
      }
      const double rms = std::sqrt(squares / static_cast<double>(value.shape(1)));
      if (within(rms, kOff * scene.floor(first_).rows[t])) continue;
      onset.position = std::min(onset.position, t);
      onset.last &= t + 1 == value.shape(0);
    }
  }
  if (onset.position == SIZE_MAX) return {};
  return onset;
}

}  // namespace plumb::diagnose
