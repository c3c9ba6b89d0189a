#include "compare/diagnose/telling.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <tuple>

#include "compare/diagnose/starts.h"
#include "compare/measure/gates.h"

namespace plumb::diagnose {
namespace {

using library::are_kin;
using library::FaultClass;
using measure::within;
using trace::Tap;

bool is_rounder(const Fault& a, const Fault& b) {
  if (is_of_library(a) != is_of_library(b)) return is_of_library(a);
  return fmt::format("{}", a.parameter).size() < fmt::format("{}", b.parameter).size();
}

// The same mistake with another value of its parameter is told once: with a value of the library,
// else with that of fewest digits.
std::vector<const Trial*> without_repeated(const std::vector<const Trial*>& causes) {
  std::vector<const Trial*> kept;
  for (const Trial* trial : causes) {
    const auto same = std::ranges::find_if(
        kept, [&](const Trial* other) { return is_repeated(other->fault(), trial->fault()); });
    if (same == kept.end()) {
      kept.push_back(trial);
    } else if (is_rounder(trial->fault(), (*same)->fault())) {
      *same = trial;
    }
  }
  return kept;
}

}  // namespace

Diagnosis describe(const Fault& fault, double explained) {
  Diagnosis diagnosis{
      .cause = fault.cause(), .says = fault.says(), .layer = fault.layer, .explained = explained};
  if (!fault.row->values.empty()) diagnosis.parameter = fault.parameter;
  return diagnosis;
}

Explanation Telling::explain(std::vector<const Trial*> causes) const {
  // In the order of the library; what only some checkpoints invite comes last.
  std::ranges::sort(causes, {}, [](const Trial* trial) {
    const FaultClass severity = trial->fault().row->severity;
    return std::tuple(severity == FaultClass::kVariant, severity, trial->fault().order);
  });
  causes = without_repeated(causes);
  const Trial& best = *causes.front();
  Explanation explanation{.ops = best.fault().ops};
  for (const Trial* trial : causes) explanation.causes.push_back(cause(*trial));
  note_group(causes, explanation);
  note_unexplained({best.touched().begin(), best.touched().end()}, explanation);
  return explanation;
}

Explanation Telling::explain_two(const std::vector<Trial>& pairs) const {
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

void Telling::note_nearest(const std::vector<const Trial*>& ranked, Explanation& unknown) const {
  constexpr size_t kNamed = 2;
  constexpr double kHelpful = 0.5;  // less like it than this, a guess leads astray
  for (size_t i = 0; i < std::min(kNamed, ranked.size()); ++i) {
    const Trial& trial = *ranked[i];
    const Fit fit = trial.fit(accept_.failing());
    if (!within(kHelpful, fit.correlation())) continue;
    unknown.near.push_back(trial.fault());
    unknown.notes.push_back(
        fmt::format("cause unknown; {}: {} (correlation {:.3f}, leaves {:.3g} floors of {:.3g})",
                    i == 0 ? "nearest" : "then", trial.fault().says(), fit.correlation(),
                    fit.residual_rms(), fit.null_rms()));
  }
  if (unknown.notes.empty()) {
    unknown.notes.emplace_back("cause unknown; no mistake that is known comes near");
  }
}

void Telling::note_unexplained(const std::set<Tap>& touched, Explanation& explanation) const {
  std::vector<std::string> taps;
  for (const Tap& tap : accept_.failing()) {
    if (touched.contains(tap)) continue;
    taps.push_back(tap.name());
    explanation.left.push_back(tap);
  }
  if (taps.empty()) return;
  explanation.notes.push_back(
      fmt::format("{}this cause: {}", kNotExplained, fmt::join(taps, ", ")));
  std::ranges::sort(explanation.left, {}, [&](const Tap& tap) { return graph_.find(tap); });
}

Diagnosis Telling::cause(const Trial& trial) const {
  const Fit fit = trial.fit(accept_.failing());
  return describe(trial.fault(), 1.0 - fit.residual / fit.null);
}

// What would tell causes apart that give the same values.
void Telling::note_group(const std::vector<const Trial*>& causes, Explanation& explanation) const {
  const Fault& best = causes.front()->fault();
  for (size_t k = 1; k < causes.size(); ++k) {
    const Fault& other = causes[k]->fault();
    if (are_kin(best, other)) continue;
    const auto tap = trials_.telling_tap(best, other);
    explanation.notes.push_back(
        tap ? fmt::format("these causes give the same values here; recording {} tells them apart",
                          tap->name())
            : "these causes give the same values at all that can be recorded");
    return;
  }
}

}  // namespace plumb::diagnose
