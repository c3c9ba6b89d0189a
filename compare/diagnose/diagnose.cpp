#include "compare/diagnose/diagnose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <set>

#include "compare/diagnose/acceptance.h"
#include "compare/diagnose/bit_cause.h"
#include "compare/diagnose/hypotheses.h"
#include "compare/diagnose/pairs.h"
#include "compare/diagnose/parameters.h"
#include "compare/diagnose/wrong_weight.h"
#include "compare/measure/gates.h"

namespace plumb::diagnose {
namespace {

using library::FaultClass;
using library::FaultRow;
using measure::kNextBest;
using measure::kPairCorrelation;
using measure::within;
using result::kUnknown;
using trace::Tap;

constexpr size_t kFinalists = 8;        // trials that are fitted, and held against emulations
constexpr double kMostProducts = 1e12;  // in float64, of all trials: half a minute on two cores

class Diagnoser {
 public:
  Diagnoser(Truth& truth, const std::vector<Scene>& scenes, const Tap& first,
            const std::vector<std::string>& unknown_causes)
      : truth_(truth),
        unknown_causes_(unknown_causes),
        trials_(truth, scenes),
        accept_(trials_, first),
        bits_(truth.graph(), scenes),
        first_(first),
        alone_(scenes.front().subject.alone()) {}

  Explanation run() {
    hypotheses_ = find_hypotheses(trials_, first_, unknown_causes_);
    const std::vector<Fault> faults = affordable(hypotheses_.narrow);
    try_all(faults);
    rank();
    fit_parameters();
    rank();
    if (auto explanation = find_bits(faults)) return std::move(*explanation);
    widen();
    if (auto explanation = find_certain()) return std::move(*explanation);
    if (auto explanation = find_rounding()) return std::move(*explanation);
    if (auto explanation = find_weight()) return std::move(*explanation);
    if (auto explanation = find_two(faults)) return std::move(*explanation);
    give_up();
    const std::vector<Fault> likely = find_likely(faults);
    ranked_.clear();
    try_all(affordable(confine(faults, likely, trials_, accept_, first_)));
    rank();
    widen();
    if (auto explanation = find_certain()) return std::move(*explanation);
    return std::move(unknown_);
  }

  Explanation run_bits() {
    hypotheses_ = find_hypotheses(trials_, first_, unknown_causes_);
    const std::vector<Fault> faults = affordable(hypotheses_.narrow);
    return find_bits(faults).value_or(Explanation{});
  }

 private:
  struct Ranked {
    Trial trial;
    double score;
    double residual;
  };

  // One among whose emulations the candidate lies.
  struct Rounding {
    Trial trial;
    double score;
  };

  // The best, and all that are as good as the very best.
  bool is_in_front(size_t i) const {
    return i < kFinalists || ranked_[i].score <= ranked_.front().score + std::log(kNextBest);
  }

  // What explains one segment and leaves others may have been done in every layer.
  void widen() {
    std::vector<Fault> wider;
    const auto add_wider = [&](const Trial& trial) {
      if (accept_.unexplained(trial).empty()) return;
      std::ranges::move(widened(hypotheses_, trial.fault()), std::back_inserter(wider));
    };
    for (size_t i = 0; i < ranked_.size() && is_in_front(i); ++i) add_wider(ranked_[i].trial);
    for (const Rounding& rounding : roundings_) add_wider(rounding.trial);
    try_all(wider);
    rank();
  }

  // What is wrong in one head alone goes some of the way when made in all of them.
  std::vector<Fault> find_likely(std::vector<Fault> faults) const {
    constexpr double kSome = 0.1;
    std::set<size_t> likely;
    for (const Ranked& ranked : ranked_) {
      const Fit fit = ranked.trial.fit(accept_.failing());
      if (within(kSome, fit.correlation())) likely.insert(ranked.trial.fault().order);
    }
    std::erase_if(faults, [&](const Fault& fault) { return !likely.contains(fault.order); });
    return faults;
  }

  // As many as a large model allows: each kind of mistake once, then each a second time; those in
  // all layers first where nothing points at a layer.
  std::vector<Fault> affordable(std::vector<Fault> faults) {
    const auto most = static_cast<size_t>(std::ceil(kMostProducts / trials_.products_of_one()));
    if (faults.size() <= most) return faults;
    unknown_.notes.push_back(
        fmt::format("{} of {} mistakes were tried: the model is large{}", most, faults.size(),
                    alone_ ? "; recording `coarse` taps makes a diagnosis cheap" : ""));
    if (alone_) {
      std::ranges::stable_partition(faults, [](const Fault& fault) { return !fault.layer; });
    }
    std::map<const FaultRow*, size_t> met;
    std::multimap<size_t, Fault> in_turns;
    for (Fault& fault : faults) {
      const size_t turn = met[fault.row]++;
      in_turns.emplace(turn, std::move(fault));
    }
    faults.clear();
    for (auto& [turn, fault] : in_turns) {
      if (faults.size() < most) faults.push_back(std::move(fault));
    }
    return faults;
  }

  void try_all(const std::vector<Fault>& faults) {
    for (const Fault& fault : faults) {
      Trial trial = trials_.run(fault);
      if (!trial.touches(first_)) continue;
      if (fault.row->severity == FaultClass::kRounding) {
        const std::optional<double> score = accept_.score_rounding(trial);
        if (score) roundings_.push_back({std::move(trial), *score});
      } else {
        add(std::move(trial));
      }
    }
  }

  void add(Trial trial) {
    const double residual = accept_.residual(trial);
    const double score = accept_.score(trial);
    if (!std::isfinite(score)) return;
    ranked_.push_back({std::move(trial), score, residual});
  }

  // Best first; among equals the graver kind, which has no free parameter.
  void rank() {
    std::stable_sort(ranked_.begin(), ranked_.end(),
                     [](const Ranked& a, const Ranked& b) { return a.score < b.score; });
    constexpr double kEqual = 0.05;
    const auto kind = [](const Ranked& r) {
      return static_cast<int>(r.trial.fault().row->severity);
    };
    for (auto first = ranked_.begin(); first != ranked_.end();) {
      const auto last = std::find_if(
          first, ranked_.end(), [&](const Ranked& r) { return r.score > first->score + kEqual; });
      std::stable_sort(first, last, [&](const Ranked& a, const Ranked& b) {
        return std::pair(kind(a), a.residual) < std::pair(kind(b), b.residual);
      });
      first = last;
    }
  }

  // Of the best that have a continuous one, from the best of its values.
  void fit_parameters() {
    std::vector<Trial> fitted;
    std::vector<const Fault*> tried;
    for (const Ranked& ranked : ranked_) {
      const Fault& fault = ranked.trial.fault();
      const bool again = std::ranges::any_of(tried, [&](const Fault* other) {
        return other->row == fault.row && other->ops == fault.ops;
      });
      if (!fault.row->fitted || again || tried.size() == kFinalists) continue;
      tried.push_back(&fault);
      fitted.push_back(fit_parameter(trials_, accept_, ranked.trial));
    }
    for (Trial& trial : fitted) add(std::move(trial));
  }

  std::optional<Explanation> find_certain() {
    for (size_t i = 0; i < std::min(kFinalists, ranked_.size()); ++i) {
      std::vector<size_t> same = {i};
      if (is_certain(i, same)) return explain(settle_widths(same));
    }
    return std::nullopt;
  }

  // What was found in one layer may have been done in all: the others' taps tell, unless it hardly
  // changes them; then both are named.
  std::vector<size_t> settle_widths(const std::vector<size_t>& causes) {
    std::vector<size_t> settled;
    for (const size_t i : causes) {
      bool narrow = true;
      for (const Fault& wide : widened(hypotheses_, ranked_[i].trial.fault())) {
        Trial trial = trials_.run(wide);
        const Width width = accept_.compare_widths(ranked_[i].trial, trial);
        if (width == Width::kNarrow) continue;
        narrow = width == Width::kEither;
        ranked_.push_back({std::move(trial), kUnknown, kUnknown});
        settled.push_back(ranked_.size() - 1);
      }
      if (narrow) settled.push_back(i);
    }
    return settled;
  }

  // Certain: it explains the difference, and whatever does so as well gives the same values.
  bool is_certain(size_t i, std::vector<size_t>& same) const {
    const Trial& trial = ranked_[i].trial;
    if (!accept_.explains(trial) || accept_.worsens(trial)) return false;
    for (size_t k = 0; k < ranked_.size(); ++k) {
      const bool rival = k != i && within(ranked_[k].residual, kNextBest * ranked_[i].residual) &&
                         ranked_[k].score <= ranked_[i].score + std::log(kNextBest) &&
                         !accept_.worsens(ranked_[k].trial);
      if (!rival || accept_.is_fit_of(trial.fault(), ranked_[k].trial.fault())) continue;
      if (!accept_.are_same(trial.fault(), ranked_[k].trial.fault())) return false;
      same.push_back(k);
    }
    return true;
  }

  // In 16 bits: whose emulation gives the candidate's numbers.
  std::optional<Explanation> find_bits(std::vector<Fault> faults) const {
    for (const Ranked& ranked : ranked_) {
      if (!ranked.trial.fault().row->fitted) continue;
      std::ranges::move(rounded(ranked.trial.fault()), std::back_inserter(faults));
    }
    const auto causes = find_bit_causes(trials_, bits_, first_, hypotheses_, faults);
    if (causes.empty()) return std::nullopt;
    Explanation explanation{.ops = causes.front().fault.ops};
    for (const BitCause& cause : causes) {
      explanation.causes.push_back(describe(cause.fault, cause.explained));
    }
    return explanation;
  }

  // From the logits alone: what goes most of the way may come with a second mistake.
  std::optional<Explanation> find_two(const std::vector<Fault>& faults) const {
    constexpr size_t kFirsts = 2;
    std::vector<Trial> firsts;
    for (const Ranked& ranked : ranked_) {
      if (!alone_ || firsts.size() == kFirsts) break;
      const Fit fit = ranked.trial.fit(accept_.failing());
      if (within(kPairCorrelation, fit.correlation())) firsts.push_back(ranked.trial);
    }
    const std::vector<Trial> pairs = find_pair(trials_, accept_, firsts, faults);
    if (pairs.empty()) return std::nullopt;
    const Fault& both = pairs.front().fault();
    Explanation explanation{
        .notes = {"two mistakes at once: neither cause explains the departure without the other"},
        .ops = both.ops};
    explanation.causes.push_back(cause(pairs.front()));
    explanation.causes.push_back(describe(both.with.front(), explanation.causes.front().explained));
    for (size_t i = 1; i < pairs.size(); ++i) {
      const Fault& same = pairs[i].fault();
      explanation.notes.push_back(fmt::format("two that give the same values: {}; {}", same.says(),
                                              same.with.front().says()));
    }
    return explanation;
  }

  std::optional<Explanation> find_weight() const {
    const auto channel = alone_ ? std::nullopt : accept_.only_channel();
    auto explanation = channel ? find_wrong_weight(trials_, first_, *channel) : std::nullopt;
    if (explanation) note_unexplained({first_}, *explanation);
    return explanation;
  }

  // The rounding among whose emulations the candidate lies, if it is the only one.
  std::optional<Explanation> find_rounding() const {
    const Trial* best = nullptr;
    double least = std::numeric_limits<double>::infinity();
    double second = least;
    for (const auto& [trial, score] : roundings_) {
      if (accept_.worsens(trial)) continue;
      const bool is_other = best != nullptr && best->fault().row != trial.fault().row;
      if (score < least) {
        if (is_other) second = least;
        least = score;
        best = &trial;
      } else if (is_other) {
        second = std::min(second, score);
      }
    }
    if (best == nullptr || second - least < std::log(kNextBest)) return std::nullopt;
    Explanation explanation{.causes = {cause(*best)}, .ops = best->fault().ops};
    note_unexplained(touched_by(*best), explanation);
    return explanation;
  }

  // Causes that give the same values, in the order of the library.
  Explanation explain(std::vector<size_t> causes) const {
    const auto order = [&](size_t i) {
      const Fault& fault = ranked_[i].trial.fault();
      return std::pair(fault.row->severity, fault.order);
    };
    std::ranges::sort(causes, {}, order);
    const Trial& best = ranked_[causes.front()].trial;
    Explanation explanation{.ops = best.fault().ops};
    for (const size_t i : causes) explanation.causes.push_back(cause(ranked_[i].trial));
    note_unexplained(touched_by(best), explanation);
    return explanation;
  }

  static std::set<Tap> touched_by(const Trial& trial) {
    return {trial.touched().begin(), trial.touched().end()};
  }

  void note_unexplained(const std::set<Tap>& touched, Explanation& explanation) const {
    std::vector<std::string> taps;
    for (const Tap& tap : accept_.failing()) {
      if (!touched.contains(tap)) taps.push_back(tap.name());
    }
    if (taps.empty()) return;
    explanation.notes.push_back(
        fmt::format("not explained by this cause: {}", fmt::join(taps, ", ")));
  }

  Diagnosis cause(const Trial& trial) const {
    const Fit fit = trial.fit(accept_.failing());
    return describe(trial.fault(), 1.0 - fit.residual / fit.null);
  }

  static Diagnosis describe(const Fault& fault, double explained) {
    Diagnosis diagnosis{
        .cause = fault.cause(), .says = fault.says(), .layer = fault.layer, .explained = explained};
    if (!fault.row->values.empty()) diagnosis.parameter = fault.parameter;
    return diagnosis;
  }

  // Says what comes nearest, where it comes near enough to help.
  void give_up() {
    constexpr size_t kNamed = 2;
    constexpr double kHelps = 0.5;
    for (size_t i = 0; i < std::min(kNamed, ranked_.size()); ++i) {
      const Trial& trial = ranked_[i].trial;
      const Fit fit = trial.fit(accept_.failing());
      if (!within(kHelps, fit.correlation())) continue;
      unknown_.near.push_back(trial.fault());
      unknown_.notes.push_back(
          fmt::format("cause unknown; {}: {} (correlation {:.3f}, leaves {:.3g} floors of {:.3g})",
                      i == 0 ? "nearest" : "then", trial.fault().says(), fit.correlation(),
                      fit.residual_rms(), fit.null_rms()));
    }
    if (unknown_.notes.empty()) {
      unknown_.notes.emplace_back("cause unknown; no mistake that is known comes near");
    }
  }

  Truth& truth_;
  const std::vector<std::string>& unknown_causes_;
  Trials trials_;
  Acceptance accept_;
  BitJudge bits_;
  Tap first_;
  bool alone_;
  Hypotheses hypotheses_;
  std::vector<Ranked> ranked_;
  std::vector<Rounding> roundings_;
  Explanation unknown_;
};

}  // namespace

Explanation diagnose(Truth& truth, const std::vector<Scene>& scenes, const Tap& first,
                     const std::vector<std::string>& unknown_causes) {
  return Diagnoser(truth, scenes, first, unknown_causes).run();
}

Explanation diagnose_bits(Truth& truth, const std::vector<Scene>& scenes, const Tap& first,
                          const std::vector<std::string>& unknown_causes) {
  return Diagnoser(truth, scenes, first, unknown_causes).run_bits();
}

}  // namespace plumb::diagnose
