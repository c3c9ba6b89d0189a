#include "compare/diagnose/diagnose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "compare/diagnose/acceptance.h"
#include "compare/diagnose/bit_cause.h"
#include "compare/diagnose/hypotheses.h"
#include "compare/diagnose/pairs.h"
#include "compare/diagnose/parameters.h"
#include "compare/diagnose/permuted_rows.h"
#include "compare/diagnose/starts.h"
#include "compare/diagnose/telling.h"
#include "compare/diagnose/wrong_weight.h"
#include "compare/evidence/coded.h"
#include "compare/measure/gates.h"

namespace plumb::diagnose {
namespace {

using library::FaultClass;
using library::FaultRow;
using measure::kNextBest;
using measure::within;
using result::kUnknown;
using trace::Tap;

constexpr size_t kFinalists = 8;        // trials that are fitted, and held against emulations
constexpr double kMostProducts = 1e12;  // in float64, of all trials: half a minute on two cores

std::vector<Tap> sorted(std::vector<Tap> taps) {
  std::ranges::sort(taps);
  return taps;
}

class Diagnoser {
 public:
  Diagnoser(Truth& truth, const std::vector<Scene>& scenes, const Tap& first,
            const std::vector<std::string>& unknown_causes)
      : truth_(truth),
        unknown_causes_(unknown_causes),
        trials_(truth, scenes),
        accept_(trials_, first),
        telling_(truth.graph(), trials_, accept_),
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
    if (auto explanation = find_order()) return std::move(*explanation);
    if (auto explanation = find_two()) return std::move(*explanation);
    if (auto explanation = find_most()) return std::move(*explanation);
    telling_.note_nearest(trials_in_order(), unknown_);
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
    for (auto* const some : {&hypotheses_.narrow, &hypotheses_.wide}) {
      std::erase_if(*some, [](const Fault& fault) { return !fault.row->accuses(); });
    }
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
    constexpr size_t kMost = 40;
    std::vector<std::pair<double, size_t>> order;
    for (const Ranked& ranked : ranked_) {
      const double correlation = ranked.trial.fit(accept_.failing()).correlation();
      if (within(kSome, correlation)) order.push_back({correlation, ranked.trial.fault().order});
    }
    std::ranges::sort(order, std::greater{});
    std::set<size_t> likely;
    for (const auto& [correlation, fault] : order) {
      if (likely.size() < kMost) likely.insert(fault);
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

  void fit_parameters() {
    std::vector<Trial> fitted;
    for (const Trial& start : find_starts(trials_, accept_, trials_in_order())) {
      Trial trial = fit_parameter(trials_, accept_, start);
      if (accept_.explains(trial)) trial = snap_parameter(trials_, accept_, trial);
      fitted.push_back(std::move(trial));
    }
    for (Trial& trial : fitted) add(std::move(trial));
  }

  std::optional<Explanation> find_certain() {
    for (size_t i = 0; i < std::min(kFinalists, ranked_.size()); ++i) {
      std::vector<size_t> same = {i};
      if (!is_certain(i, same)) continue;
      std::vector<const Trial*> causes;
      for (const size_t k : settle_widths(same)) causes.push_back(&ranked_[k].trial);
      return telling_.explain(std::move(causes));
    }
    return std::nullopt;
  }

  // What was found in one layer may have been done in all, or in all of a kind: the others' taps
  // tell, unless it hardly changes them; then both are named.
  std::vector<size_t> settle_widths(const std::vector<size_t>& causes) {
    std::vector<size_t> settled;
    for (const size_t i : causes) {
      std::vector<size_t> widths = {i};
      std::vector<Fault> wider = widened(hypotheses_, ranked_[i].trial.fault());
      std::ranges::stable_sort(wider, {}, [](const Fault& fault) { return fault.ops.size(); });
      for (const Fault& wide : wider) {
        Trial trial = trials_.run(wide);
        const Width width = accept_.compare_widths(ranked_[widths.back()].trial, trial);
        if (width == Width::kNarrow) continue;
        if (width == Width::kWide) widths.clear();
        ranked_.push_back({std::move(trial), kUnknown, kUnknown});
        widths.push_back(ranked_.size() - 1);
      }
      settled.insert(settled.end(), widths.begin(), widths.end());
    }
    return settled;
  }

  // Certain: it explains the difference, and whatever does so as well gives the same values.
  bool is_certain(size_t i, std::vector<size_t>& same) const {
    const Trial& trial = ranked_[i].trial;
    if (!is_told(trial.fault())) return false;
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
    std::vector<const Fault*> told;
    for (const BitCause& cause : causes) {
      const bool again = std::ranges::any_of(
          told, [&](const Fault* other) { return is_repeated(*other, cause.fault); });
      if (!again) explanation.causes.push_back(describe(cause.fault, cause.explained));
      told.push_back(&cause.fault);
    }
    return explanation;
  }

  std::optional<Explanation> find_two() const {
    const std::vector<Trial> pairs = find_certain_pair(trials_, accept_, trials_in_order(), alone_);
    return pairs.empty() ? std::nullopt : std::optional(telling_.explain_two(pairs));
  }

  std::vector<const Trial*> trials_in_order() const {
    std::vector<const Trial*> trials;
    for (const Ranked& ranked : ranked_) trials.push_back(&ranked.trial);
    return trials;
  }

  std::optional<Explanation> find_order() const {
    auto explanation = alone_ ? std::nullopt : find_permuted_rows(trials_, first_);
    if (explanation) telling_.note_unexplained({first_}, *explanation);
    return explanation;
  }

  // What makes all but a small part of a large departure, as nothing else does: something besides
  // it is left, for which there is no name.
  std::optional<Explanation> find_most() const {
    constexpr double kLeft = 0.03;       // of the difference
    constexpr double kLarge = 100.0;     // floors
    constexpr double kTimesWorse = 3.0;  // the next that is not the same
    const Ranked* best = nullptr;
    for (const Ranked& ranked : ranked_) {
      if (best == nullptr || ranked.residual < best->residual) best = &ranked;
    }
    if (best == nullptr || accept_.worsens(best->trial)) return std::nullopt;
    if (!is_told(best->trial.fault())) return std::nullopt;
    const Fit fit = best->trial.fit(accept_.failing());
    const bool most = within(fit.residual_rms(), kLeft * fit.null_rms()) &&
                      within(std::abs(fit.beta() - 1.0), kLeft) && within(kLarge, fit.null_rms());
    if (!most) return std::nullopt;
    for (const Ranked& other : ranked_) {
      const bool near = within(other.residual, kTimesWorse * best->residual);
      if (!near || other.trial.fault().row == best->trial.fault().row) continue;
      if (!accept_.are_same(best->trial.fault(), other.trial.fault())) return std::nullopt;
    }
    Explanation explanation = telling_.explain({&best->trial});
    explanation.notes.insert(
        explanation.notes.begin(),
        fmt::format("and something besides, for which there is no name: {:.3g} floors of {:.3g}",
                    fit.residual_rms(), fit.null_rms()));
    return explanation;
  }

  std::optional<Explanation> find_weight() const {
    const auto channel = alone_ ? std::nullopt : accept_.only_channel();
    auto explanation = channel ? find_wrong_weight(trials_, first_, *channel) : std::nullopt;
    if (explanation) telling_.note_unexplained({first_}, *explanation);
    return explanation;
  }

  // By what this checkpoint's weights are stored as.
  bool rounds_to_codes() const {
    const model::Weights& weights = truth_.reference().weights();
    return evidence::is_coded(*trials_.scenes().front().subject.contract) &&
           std::ranges::any_of(truth_.graph().weights, [&](const model::WeightDeclaration& weight) {
             const model::WeightView& view = weights.at(weight.id);
             return std::ranges::any_of(view.storage(0, view.rows()),
                                        [](const auto& run) { return !run.storage.plain; });
           });
  }

  // The rounding among whose emulations the candidate lies, if it is the only one. Where operands
  // are codes, every error lies among what the roundings of some row make.
  std::optional<Explanation> find_rounding() const {
    if (rounds_to_codes()) return std::nullopt;
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
    return telling_.explain({best});
  }

  Truth& truth_;
  const std::vector<std::string>& unknown_causes_;
  Trials trials_;
  Acceptance accept_;
  Telling telling_;
  BitJudge bits_;
  Tap first_;
  bool alone_;
  Hypotheses hypotheses_;
  std::vector<Ranked> ranked_;
  std::vector<Rounding> roundings_;
  Explanation unknown_;
};

}  // namespace

// With taps a second mistake departs at a tap of its own: the first is taken as given, and the
// search goes on from there.
Explanation diagnose(Truth& truth, const std::vector<Scene>& scenes, const Tap& first,
                     const std::vector<std::string>& unknown_causes) {
  constexpr int kMost = 4;
  Explanation all = Diagnoser(truth, scenes, first, unknown_causes).run();
  std::vector<Tap> left = all.left;
  int count = 1;
  while (!left.empty() && !all.causes.empty() && count < kMost) {
    const Explanation next = Diagnoser(truth, scenes, left.front(), unknown_causes).run();
    if (next.causes.empty()) break;
    all.causes.insert(all.causes.end(), next.causes.begin(), next.causes.end());
    ++count;
    std::vector<Tap> still;
    std::ranges::set_intersection(sorted(left), sorted(next.left), std::back_inserter(still));
    std::ranges::sort(still, {}, [&](const Tap& tap) { return truth.graph().find(tap); });
    left = std::move(still);
  }
  if (count > 1) {
    std::erase_if(all.notes,
                  [](const std::string& note) { return note.starts_with(kNotExplained); });
    all.notes.push_back(fmt::format("{} mistakes, each at taps of its own", count));
    std::vector<std::string> names;
    for (const Tap& tap : left) names.push_back(tap.name());
    if (!left.empty()) {
      all.notes.push_back(fmt::format("{}these causes: {}", kNotExplained, fmt::join(names, ", ")));
    }
  }
  return all;
}

Explanation diagnose_bits(Truth& truth, const std::vector<Scene>& scenes, const Tap& first,
                          const std::vector<std::string>& unknown_causes) {
  return Diagnoser(truth, scenes, first, unknown_causes).run_bits();
}

}  // namespace plumb::diagnose
