#include "reports/log_scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace plumb::reports {
namespace {

// Beyond these a ratio is as good as nothing, or as infinite.
constexpr int kLowest = -3;
constexpr int kHighest = 12;
constexpr int kMaxTicks = 8;

std::string tick_label(int exponent) {
  if (exponent > 2) return fmt::format("1e{}", exponent);
  return fmt::format("{}", std::pow(10.0, exponent));
}

}  // namespace

LogScale::LogScale(const std::vector<double>& values, double top, double bottom)
    : top_(top), bottom_(bottom) {
  for (const double value : values) {
    if (!std::isfinite(value) || value <= 0) continue;
    const double exponent = std::log10(value);
    low_ = std::min(low_, static_cast<int>(std::floor(exponent)));
    high_ = std::max(high_, static_cast<int>(std::ceil(exponent)));
  }
  low_ = std::max(low_, kLowest);
  high_ = std::min(high_, kHighest);
}

double LogScale::y(double value) const {
  const double exponent =
      value > 0 ? std::clamp(std::log10(value), double(low_), double(high_)) : low_;
  return bottom_ + (exponent - low_) / (high_ - low_) * (top_ - bottom_);
}

bool LogScale::is_above(double value) const {
  return value > 0 && (std::isinf(value) || std::log10(value) > high_);
}

std::vector<LogTick> LogScale::ticks() const {
  const int step = (high_ - low_) / kMaxTicks + 1;
  std::vector<LogTick> ticks;
  for (int exponent = low_; exponent <= high_; ++exponent) {
    // 1 is always among them.
    if (exponent % step != 0) continue;
    ticks.push_back({y(std::pow(10.0, exponent)), tick_label(exponent)});
  }
  return ticks;
}

}  // namespace plumb::reports
