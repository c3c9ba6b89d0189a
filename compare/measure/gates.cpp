#include "compare/measure/gates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace plumb::measure {

namespace {

// A position's noise has a few directions that are common to its channels (the error of a norm's
// mean, of a softmax's sum): this many of its channels count as independent.
constexpr double kIndependentChannels = 4.0;
constexpr double kIndependentPositions = 32.0;

// In float32 one rounding of a rope's frequency can make most of a position's noise, alike in all
// its channels: a single normal deviate, and there are many positions. In 16 bits the roundings of
// the channels outweigh it.
double row_limit(base::DType storage) {
  return base::size_of(storage) == 2 ? 4.5 : 6.0;
}

// What the RMS of `freedom` normal deviates of variance 1 stays below but once in a million
// (Wilson & Hilferty, PNAS 1931: the cube root of a mean square is normal).
double rms_quantile(double freedom) {
  constexpr double kOnceInAMillion = 4.75;
  const double v = 2.0 / (9.0 * std::max(freedom, 1.0));
  return std::pow(1.0 - v + kOnceInAMillion * std::sqrt(v), 1.5);
}

// A few roundings that everything shares (of a rope's frequency, say) give the noise of a tensor a
// longer tail than its variance tells. Emulations show it: no engine has to be nearer to the truth
// than they are, by this factor.
constexpr double kBeyondFarthest = 1.25;

GateLimits limits_for(base::DType storage, const Floor& floor, double whitened, double column,
                      double element) {
  const auto t = static_cast<double>(floor.rows.size());
  const auto w = std::min(static_cast<double>(floor.columns.size()), kIndependentChannels);
  return {.whitened = std::max({whitened, rms_quantile(std::min(t * w, floor.freedom)),
                                kBeyondFarthest * floor.farthest}),
          .row = row_limit(storage) * std::sqrt(kIndependentChannels / w),
          .column = std::max(column * std::sqrt(std::max(1.0, kIndependentPositions / t)),
                             rms_quantile(floor.column_freedom)),
          .element = element};
}

}  // namespace

GateLimits local_limits(base::DType storage, const Floor& floor) {
  return limits_for(storage, floor, 1.25, 2.6, 30.0);
}

GateLimits global_limits(base::DType storage, const Floor& floor) {
  return limits_for(storage, floor, 1.35, 3.0, 16.0);
}

int replicas_for(int replicas, size_t tokens, size_t width) {
  constexpr size_t kElements = size_t{1} << 18;  // of all replicas of one tap
  constexpr size_t kFewest = 3;
  const size_t enough = std::max(kFewest, kElements / (tokens * width));
  return static_cast<int>(std::min<size_t>(enough, static_cast<size_t>(replicas)));
}

CauseLimits cause_limits(base::DType storage, bool segment) {
  if (base::size_of(storage) > 2) {
    return {.residual = 2.0, .share = 0.8, .correlation = 0.5, .beta_error = 0.1};
  }
  return segment
             ? CauseLimits{.residual = 1.6, .share = 0.85, .correlation = 0.6, .beta_error = 0.15}
             : CauseLimits{.residual = 1.3, .share = 0.8, .correlation = 0.5, .beta_error = 0.15};
}

GateLimits logit_limits(base::DType storage, const Floor& floor) {
  GateLimits limits = global_limits(storage, floor);
  limits.peak = kLogitPeakLimit;
  return limits;
}

bool within(const Ratios& ratios, const GateLimits& limits) {
  return within(ratios.whitened, limits.whitened) && within(ratios.row, limits.row) &&
         within(ratios.column, limits.column) && within(ratios.element, limits.element) &&
         within(ratios.peak, limits.peak);
}

std::string describe_excess(const Ratios& ratios, const GateLimits& limits, size_t columns) {
  struct Part {
    double value;
    double limit;
    std::string where;
    std::string_view unit = "the floor";
  };
  const Part parts[] = {
      {ratios.whitened, limits.whitened, "the tensor"},
      {ratios.row, limits.row, fmt::format("position {}", ratios.worst_row)},
      {ratios.column, limits.column, fmt::format("channel {}", ratios.worst_column)},
      {ratios.element, limits.element,
       fmt::format("position {} channel {}", ratios.worst_element / columns,
                   ratios.worst_element % columns)},
      {ratios.peak, limits.peak,
       fmt::format("position {} channel {}", ratios.worst_peak / columns,
                   ratios.worst_peak % columns),
       "its position's other errors"},
  };
  const Part* worst = parts;
  for (const Part& part : parts) {
    if (part.value / part.limit > worst->value / worst->limit) worst = &part;
  }
  return fmt::format("{} is {:.3g} times {} (limit {:.3g})", worst->where, worst->value,
                     worst->unit, worst->limit);
}

}  // namespace plumb::measure
