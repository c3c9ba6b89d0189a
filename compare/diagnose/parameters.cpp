#include "compare/diagnose/parameters.h"

#include <algorithm>
#include <cmath>

namespace plumb::diagnose {

namespace {

constexpr double kStep = 1e-3;

Trial climb(const Trials& trials, const Acceptance& accept, const Trial& start) {
  constexpr int kSteps = 12;
  constexpr double kLongest = 2.0;
  constexpr double kSmallest = 1e-10;  // where an effect is a million floors, 1e-6 is one
  Trial best = start;
  Fault fault = start.fault();
  for (int i = 0; i < kSteps; ++i) {
    Fault near = fault;
    near.parameter *= 1.0 + kStep;
    const double step = kStep * trials.contrast(fault, near, accept.failing()).beta();
    if (!std::isfinite(step) || std::abs(step) < kSmallest) break;
    fault.parameter *= std::exp(std::clamp(step, -kLongest, kLongest));
    Trial trial = trials.run(fault);
    if (accept.residual(trial) < accept.residual(best)) best = std::move(trial);
  }
  return best;
}

}  // namespace

Trial fit_parameter(const Trials& trials, const Acceptance& accept, const Trial& start) {
  Trial best = climb(trials, accept, start);
  Fault near = start.fault();
  if (near.row->own == nullptr) return best;
  near.parameter = near.row->own(trials.graph().ops[near.ops.front()]) * (1.0 + kStep);
  Trial other = climb(trials, accept, trials.run(near));
  return accept.residual(other) < accept.residual(best) ? other : best;
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
