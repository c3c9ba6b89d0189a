#include "compare/verdict/tap_figures.h"

#include <cmath>
#include <string>

namespace plumb::verdict {

void PooledRatio::add(double ratio, double floor_rms, size_t elements) {
  const double square = floor_rms * floor_rms * static_cast<double>(elements);
  noise_ += ratio * ratio * square;
  floor_ += square;
  count_ += static_cast<double>(elements);
}

void PooledRatio::add(const PooledRatio& other) {
  noise_ += other.noise_;
  floor_ += other.floor_;
  count_ += other.count_;
}

double PooledRatio::ratio() const {
  return noise_ == 0.0 ? 0.0 : std::sqrt(noise_ / floor_);
}
double PooledRatio::rms() const {
  return std::sqrt(noise_ / count_);
}
double PooledRatio::floor_rms() const {
  return std::sqrt(floor_ / count_);
}

void keep_nearer(result::Margin& margin, const result::Margin& other) {
  if (other.statistic.empty()) return;
  const bool nearer = other.value / other.limit > margin.value / margin.limit;
  if (margin.statistic.empty() || nearer) margin = other;
}

result::Margin margin_of(const measure::Ratios& ratios, const measure::GateLimits& limits) {
  const measure::Nearest nearest = nearest_limit(ratios, limits);
  return {std::string(nearest.statistic), nearest.value, nearest.limit};
}

}  // namespace plumb::verdict
