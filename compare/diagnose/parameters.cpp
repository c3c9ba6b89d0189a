#include "compare/diagnose/parameters.h"

#include <algorithm>
#include <cmath>

namespace plumb::diagnose {

namespace {

constexpr double kStep = 1e-3;
// Two values of a parameter are as good as each other where what they leave differs by less, in
// squares of floors: four standard deviations of a parameter, three times over since noise is
// correlated.
constexpr double kIndifferent = 144.0;

// Gauss-Newton converges in a few steps from a start that is near enough, and wanders from any
// other.
Trial climb(const Trials& trials, const Acceptance& accept, const Trial& start) {
  constexpr int kSteps = 12;
  constexpr int kPatience = 2;
  constexpr double kGain = 0.9;
  constexpr double kLongest = 2.0;
  constexpr double kSmallest = 1e-10;  // where an effect is a million floors, 1e-6 is one
  Trial best = start;
  double least = accept.residual(start);
  Fault fault = start.fault();
  for (int i = 0, idle = 0; i < kSteps && idle < kPatience; ++i) {
    Fault near = fault;
    near.parameter *= 1.0 + kStep;
    const double step = kStep * trials.contrast(fault, near, accept.failing()).beta();
    if (!std::isfinite(step) || std::abs(step) < kSmallest) break;
    fault.parameter *= std::exp(std::clamp(step, -kLongest, kLongest));
    Trial trial = trials.run(fault);
    const double residual = accept.residual(trial);
    if (!(residual < kGain * least)) ++idle;
    if (!(residual < least)) continue;
    least = residual;
    best = std::move(trial);
  }
  return best;
}

}  // namespace

std::optional<double> own_parameter(const graph::Graph& graph, const Fault& fault) {
  if (!fault.row->fitted) return std::nullopt;
  if (fault.row->own == nullptr) return 1.0;
  const double own = fault.row->own(graph.ops[fault.ops.front()]);
  return own == 0.0 ? std::nullopt : std::optional(own);
}

std::optional<Fault> beside_own(const graph::Graph& graph, const Fault& fault) {
  const auto own = own_parameter(graph, fault);
  if (!own) return std::nullopt;
  Fault near = fault;
  near.parameter = *own * (1.0 + kStep);
  return near;
}

bool is_told(const Fault& fault) {
  constexpr double kLeast = 5e-4;
  const bool factor = fault.row->fitted && fault.row->own == nullptr;
  const bool told = !factor || std::abs(fault.parameter - 1.0) > kLeast;
  return told && std::ranges::all_of(fault.with, is_told);
}

Trial fit_parameter(const Trials& trials, const Acceptance& accept, const Trial& start) {
  Trial best = climb(trials, accept, start);
  const auto near = beside_own(trials.graph(), start.fault());
  if (start.fault().row->own == nullptr || !near || accept.closes(best)) return best;
  if (start.fault().parameter == near->parameter) return best;
  Trial other = climb(trials, accept, trials.run(*near));
  return accept.residual(other) < accept.residual(best) ? other : best;
}

Trial snap_parameter(const Trials& trials, const Acceptance& accept, const Trial& fitted) {
  const Fit best = fitted.fit(accept.failing());
  std::vector<Fault> rounds = rounded(fitted.fault());
  rounds.erase(rounds.begin());
  for (const Fault& fault : rounds) {  // those of fewest digits first
    Trial trial = trials.run(fault);
    const Fit fit = trial.fit(accept.failing());
    // Rounded to what the model has, it is no mistake, and touches nothing.
    if (fit.count < best.count) continue;
    if (fit.residual <= best.residual + kIndifferent) return trial;
  }
  return fitted;
}

std::vector<Fault> rounded(const Fault& fault) {
  std::vector<Fault> faults = {fault};
  for (const int digits : {1, 2, 3}) {
    const double magnitude = std::floor(std::log10(std::abs(fault.parameter)));
    const double unit = std::pow(10.0, magnitude - digits + 1);
    faults.push_back(fault);
    faults.back().parameter = std::round(fault.parameter / unit) * unit;
  }
  return faults;
}

}  // namespace plumb::diagnose
