#include "compare/diagnose.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "compare/gates.h"
#include "compare/segment.h"

namespace plumb::compare {
namespace {

using trace::Tap;

constexpr size_t kFinalists = 8;  // trials that are fitted, and held against emulations
constexpr int kFitSteps = 6;

bool is_rounding(const Fault& fault) {
  return fault.row->severity == FaultClass::kRounding;
}

class Diagnoser {
 public:
  Diagnoser(Truth& truth, const std::vector<Scene>& scenes, const Tap& first)
      : truth_(truth),
        trials_(truth, scenes),
        first_(first),
        storage_(scenes.front().subject.contract->storage),
        alone_(scenes.front().subject.alone()) {
    for (const Scene& scene : scenes) collect_failing(scene);
  }

  Explanation run() {
    for (const Fault& fault : faults_to_try()) {
      if (trials_.reshaped_by(fault)) continue;
      Trial trial = trials_.run(fault);
      if (!trial.touches(first_)) continue;
      if (is_rounding(fault)) {
        roundings_.push_back(std::move(trial));
      } else {
        add(std::move(trial));
      }
    }
    rank();
    fit_parameters();
    rank();
    for (size_t i = 0; i < std::min(kFinalists, ranked_.size()); ++i) {
      std::vector<size_t> same = {i};
      if (is_certain(i, same)) return explain(std::move(same));
    }
    if (const Trial* rounding = find_rounding()) return explain(*rounding);
    return give_up();
  }

 private:
  struct Ranked {
    Trial trial;
    double score;  // what it leaves unexplained: sum of log RMS over the taps in question
    double residual;
  };

  // The null at each recorded tap, and which taps fail by themselves.
  void collect_failing(const Scene& scene) {
    for (const auto& [tap, value] : scene.subject.recorded->values()) {
      if (tap.id == trace::TapId::kRouterIds) continue;
      const Matrix& truth = scene.truth(tap);
      null_[tap].add(value, truth, truth, scene.floor(tap));
      const Floor& floor = scene.floor(tap);
      const GateLimits limits =
          alone_ ? global_limits(storage_, floor) : local_limits(storage_, floor);
      if (!within(over_floor(value, truth, floor), limits)) failing_.insert(tap);
    }
    failing_.insert(first_);
  }

  // With segments to look at, the faults that strike the one before the first departure.
  std::vector<Fault> faults_to_try() const {
    std::vector<Fault> faults = applicable_faults(truth_.graph());
    if (alone_) return faults;
    const Recorded& recorded = *trials_.scenes().front().subject.recorded;
    const Segment segment =
        segment_before(truth_.graph(), first_, [&](const Tap& tap) { return recorded.has(tap); });
    std::set<size_t> inside;
    for (const graph::Op* op : segment.ops) {
      inside.insert(static_cast<size_t>(op - truth_.graph().ops.data()));
    }
    std::erase_if(faults, [&](const Fault& fault) {
      return std::none_of(fault.ops.begin(), fault.ops.end(),
                          [&](size_t op) { return inside.contains(op); });
    });
    return faults;
  }

  void add(Trial trial) {
    const double residual = trial.fit(failing_).residual_rms();
    const double score = score_of(trial);
    if (!std::isfinite(score)) return;
    ranked_.push_back({std::move(trial), score, residual});
  }

  double score_of(const Trial& trial) const {
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

  // Best first; among equals the graver kind, which has no free parameter.
  void rank() {
    std::stable_sort(ranked_.begin(), ranked_.end(), [](const Ranked& a, const Ranked& b) {
      if (std::abs(a.score - b.score) > 0.05) return a.score < b.score;
      const auto kind = [](const Ranked& r) {
        return static_cast<int>(r.trial.fault().row->severity);
      };
      if (kind(a) != kind(b)) return kind(a) < kind(b);
      return a.residual < b.residual;
    });
  }

  // Gauss-Newton on the logarithm of a continuous parameter, from the best starts.
  void fit_parameters() {
    std::vector<Trial> fitted;
    size_t tried = 0;
    for (const Ranked& ranked : ranked_) {
      if (!ranked.trial.fault().row->fitted || tried++ == kFinalists) continue;
      fitted.push_back(fit_parameter(ranked.trial));
    }
    for (Trial& trial : fitted) add(std::move(trial));
  }

  Trial fit_parameter(const Trial& start) const {
    constexpr double kStep = 1e-3;
    constexpr double kLongest = 2.0;
    Trial best = start;
    Fault fault = start.fault();
    for (int i = 0; i < kFitSteps; ++i) {
      Fault near = fault;
      near.parameter *= 1.0 + kStep;
      const double step = kStep * trials_.contrast(fault, near, failing_).beta();
      if (!std::isfinite(step) || std::abs(step) < 1e-6) break;
      fault.parameter *= std::exp(std::clamp(step, -kLongest, kLongest));
      Trial trial = trials_.run(fault);
      if (trial.fit(failing_).residual < best.fit(failing_).residual) best = std::move(trial);
    }
    return best;
  }

  // Certain: it explains the difference, and whatever does so as well gives the same values.
  bool is_certain(size_t i, std::vector<size_t>& same) const {
    const Trial& trial = ranked_[i].trial;
    if (!explains(trial) || worsens(trial)) return false;
    for (size_t k = 0; k < ranked_.size() && k < kFinalists; ++k) {
      const bool rival = k != i && ranked_[k].residual < kNextBest * ranked_[i].residual &&
                         ranked_[k].score <= ranked_[i].score + std::log(kNextBest) &&
                         !worsens(ranked_[k].trial);
      if (!rival) continue;
      if (!is_same(trial.fault(), ranked_[k].trial.fault())) return false;
      same.push_back(k);
    }
    return true;
  }

  bool explains(const Trial& trial) const {
    const Fit fit = trial.fit(failing_);
    const CauseLimits limits = cause_limits(storage_, !alone_);
    const bool closes = within(std::abs(fit.beta() - 1.0), limits.beta_error) &&
                        within(fit.residual_rms(), limits.residual) &&
                        within(fit.residual_rms(), limits.share * fit.null_rms()) &&
                        within(limits.correlation, fit.correlation());
    return closes || is_among(trials_.compare(trial.fault(), failing_));
  }

  // Does the candidate lie among emulations that make the mistake?
  static bool is_among(const TwoSample& sample) {
    return within(sample.ratio, kTwoSampleLimit) && within(kLeastCoherence, sample.coherence) &&
           within(sample.coherence - kTwoSampleLikeness, sample.likeness);
  }

  // The rounding among whose emulations the candidate lies, if it is the only one.
  const Trial* find_rounding() const {
    const Trial* best = nullptr;
    double least = std::numeric_limits<double>::infinity();
    double second = least;
    for (const Trial& trial : roundings_) {
      if (worsens(trial)) continue;
      const TwoSample sample = trials_.compare(trial.fault(), failing_);
      const Fit fit = trial.fit(failing_);
      const CauseLimits limits = cause_limits(storage_, !alone_);
      const bool aligned = within(std::abs(fit.beta() - 1.0), limits.beta_error) &&
                           within(kRoundingCorrelation, fit.correlation());
      if (!is_among(sample) && !aligned) continue;
      const double score = std::log(sample.ratio) + left_elsewhere(trial);
      if (!std::isfinite(score)) continue;
      if (score < least) {
        second = best != nullptr && best->fault().row != trial.fault().row ? least : second;
        least = score;
        best = &trial;
      } else if (best->fault().row != trial.fault().row) {
        second = std::min(second, score);
      }
    }
    return second - least >= std::log(kNextBest) ? best : nullptr;
  }

  // What fails and is not touched.
  double left_elsewhere(const Trial& trial) const {
    double score = 0.0;
    for (const Tap& tap : failing_) {
      if (!trial.touches(tap)) score += std::log(std::max(null_.at(tap).null_rms(), 1.0));
    }
    return score;
  }

  // A cause that is right makes no other tap worse: this pins the layer.
  bool worsens(const Trial& trial) const {
    for (const auto& [tap, fit] : trial.fits()) {
      if (failing_.contains(tap)) continue;
      if (!within(fit.residual_rms(), 1.35 * std::max(1.0, fit.null_rms()))) return true;
    }
    return false;
  }

  bool is_same(const Fault& a, const Fault& b) const {
    return within(trials_.contrast(a, b, {first_}).effect_rms(), 0.5);
  }

  // Causes that give the same values, in the order of the library.
  Explanation explain(std::vector<size_t> causes) const {
    const auto order = [&](size_t i) {
      const Fault& fault = ranked_[i].trial.fault();
      return std::pair(fault.row->severity, fault.order);
    };
    std::sort(causes.begin(), causes.end(),
              [&](size_t a, size_t b) { return order(a) < order(b); });
    Explanation explanation;
    for (const size_t i : causes) explanation.causes.push_back(cause(ranked_[i].trial));
    explanation.ops = ranked_[causes.front()].trial.fault().ops;
    return explanation;
  }

  Explanation explain(const Trial& trial) const {
    return {.causes = {cause(trial)}, .ops = trial.fault().ops};
  }

  Diagnosis cause(const Trial& trial) const {
    const Fit fit = trial.fit(failing_);
    return {.cause = trial.fault().cause(),
            .says = trial.fault().says(),
            .layer = trial.fault().layer,
            .explained = 1.0 - fit.residual / fit.null};
  }

  Explanation give_up() const {
    Explanation explanation;
    if (ranked_.empty()) return explanation;
    const Trial& best = ranked_.front().trial;
    const Fit fit = best.fit(failing_);
    explanation.notes.push_back(fmt::format(
        "cause unknown; nearest: {} (correlation {:.3f}, leaves {:.3g} floors of {:.3g})",
        best.fault().says(), fit.correlation(), fit.residual_rms(), fit.null_rms()));
    return explanation;
  }

  Truth& truth_;
  Trials trials_;
  Tap first_;
  base::DType storage_;
  bool alone_;
  std::set<Tap> failing_;
  std::map<Tap, Fit> null_;
  std::vector<Ranked> ranked_;
  std::vector<Trial> roundings_;
};

}  // namespace

Explanation diagnose(Truth& truth, const std::vector<Scene>& scenes, const Tap& first) {
  return Diagnoser(truth, scenes, first).run();
}

}  // namespace plumb::compare
