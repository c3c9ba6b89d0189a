// Elements whose noise is louder than that of their position.
#pragma once

#include <span>

#include "compare/measure/statistics.h"

namespace plumb::measure {

// Fills in what `floor`, whose rows are known, says of single elements.
void find_loud(const Matrix& replicas, const Matrix& truth, Floor& floor);

// Of an element, in units of its position's floor; 0 where it is no louder than twice that.
double loudness(const Floor& floor, size_t element);

// The worst element of position t over the RMS of the others, each in units of its own noise.
// `z` are the position's whitened differences.
struct Peak {
  double value = 0.0;
  size_t column = 0;
};
Peak find_peak(std::span<const double> z, std::span<const double> truth, const Floor& floor,
               size_t t);

}  // namespace plumb::measure
