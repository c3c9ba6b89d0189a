#include "compare/verdict/tap_figures.h"

#include <cmath>

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

}  // namespace plumb::verdict
