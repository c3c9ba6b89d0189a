// How well a hypothesis explains what a candidate gave: in units of the noise, position by
// position.
#pragma once

#include <cstddef>

#include "compare/measure/statistics.h"

namespace plumb::measure {

// Sums over elements z, each a difference over its position's floor.
struct Fit {
  double null = 0.0;      // of (value - truth)^2
  double residual = 0.0;  // of (value - hypothesis)^2
  double effect = 0.0;    // of (hypothesis - truth)^2
  double overlap = 0.0;   // of (value - truth) (hypothesis - truth)
  double count = 0.0;

  void add(const Matrix& value, const Matrix& truth, const Matrix& hypothesis, const Floor& floor);
  void add(const Fit& other);

  double null_rms() const;
  double residual_rms() const;
  double effect_rms() const;
  double correlation() const;
  double beta() const;  // of the effect in the difference: 1 where the hypothesis is right
};

}  // namespace plumb::measure
