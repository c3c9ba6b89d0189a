#include "compare/measure/fit.h"

#include <cmath>

namespace plumb::measure {

void Fit::add(const Matrix& value, const Matrix& truth, const Matrix& hypothesis,
              const Floor& floor) {
  const size_t columns = truth.shape(1);
  for (size_t t = 0; t < truth.shape(0); ++t) {
    const double unit = 1.0 / floor.rows[t];
    for (size_t j = 0; j < columns; ++j) {
      const double d = (value(t, j) - truth(t, j)) * unit;
      const double h = (hypothesis(t, j) - truth(t, j)) * unit;
      null += d * d;
      effect += h * h;
      overlap += d * h;
      residual += (d - h) * (d - h);
    }
  }
  count += static_cast<double>(truth.size());
}

void Fit::add(const Fit& other) {
  null += other.null;
  residual += other.residual;
  effect += other.effect;
  overlap += other.overlap;
  count += other.count;
}

double Fit::null_rms() const {
  return std::sqrt(null / count);
}
double Fit::residual_rms() const {
  return std::sqrt(residual / count);
}
double Fit::effect_rms() const {
  return std::sqrt(effect / count);
}

double Fit::correlation() const {
  return effect > 0.0 && null > 0.0 ? overlap / std::sqrt(effect * null) : 0.0;
}

double Fit::beta() const {
  return effect > 0.0 ? overlap / effect : 0.0;
}

}  // namespace plumb::measure
