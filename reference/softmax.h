// exp(x - max) over its sum, in the operations that engines make of it.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace plumb::reference {

// The sum of `values`, all positive, added one after the other: c u sqrt(n / 3) of it.
template <class A>
double positive_sum(const A& a, std::span<const double> values, size_t element) {
  double sum = 0.0;
  for (const double v : values) sum += v;
  return a.relative(sum, std::sqrt(static_cast<double>(values.size()) / 3.0), ~element);
}

// In place; the quotients are not rounded yet. `most` is what is subtracted, the largest of `x`, or
// 0 where that was done.
template <class A>
void softmax(const A& a, std::span<double> x, double most, size_t element) {
  for (size_t i = 0; i < x.size(); ++i) {
    const double shifted = x[i] - most;
    // The argument's own rounding and the exponential's: sqrt((x - max)^2 + 2) roundings; exp(0) is
    // exact.
    const double roundings = shifted == 0.0 ? 0.0 : std::sqrt(shifted * shifted + 2.0);
    x[i] = a.relative(std::exp(shifted), roundings, element + i);
  }
  const double sum = positive_sum(a, x, element);
  for (double& v : x) v /= sum;
}

}  // namespace plumb::reference
